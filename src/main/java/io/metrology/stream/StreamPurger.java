package io.metrology.stream;

import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Predicate;

import io.metrology.http.Caller;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.dao.DataAccessException;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.stereotype.Component;
import org.springframework.transaction.TransactionException;

/**
 * Deletes streams: first a tombstone takes the stream's place, at once and for all to
 * see, then its chunks go in small steps, each a transaction of its own, so that nobody
 * waits for them. What a crash leaves of the steps is taken up again.
 */
@Component
class StreamPurger {

	private static final Logger log = LoggerFactory.getLogger(StreamPurger.class);

	private static final int STEP_CHUNKS = 1000;

	private static final int STEP_POINTS = 500_000;

	private final StreamStore store;

	private final RetentionProperties retention;

	private final Map<Reason, Counter> deleted = new EnumMap<>(Reason.class);

	StreamPurger(StreamStore store, RetentionProperties retention, MeterRegistry registry) {
		this.store = store;
		this.retention = retention;
		for (Reason reason : Reason.values()) {
			this.deleted.put(reason,
					Counter.builder("metrology.stream.deleted")
						.description("Streams deleted, by why: on request, or by one of the two rules of retention")
						.tag("reason", reason.label)
						.register(registry));
		}
	}

	/**
	 * Deletes a stream; all of its points are gone when this returns. Returns whether
	 * there was one.
	 */
	boolean delete(UUID dataId, Caller caller) {
		boolean buried = this.store.bury(dataId, caller);
		if (buried) {
			note(dataId, Reason.REQUEST, "asked with " + caller);
		}
		// Also what an earlier deletion has not finished.
		if (buried || this.store.toPurge().contains(dataId)) {
			purge(dataId);
		}
		return buried;
	}

	/** Deletes what has outlived its retention, and what an interrupted deletion left. */
	@Scheduled(initialDelayString = "${metrology.retention.interval:10m}",
			fixedDelayString = "${metrology.retention.interval:10m}")
	void sweep() {
		try {
			this.store.toPurge().forEach(this::purge);
			Duration finalizedAfter = this.retention.finalizedAfter();
			if (finalizedAfter != null) {
				sweep(this.store.finalizedBefore(finalizedAfter),
						(dataId) -> this.store.bury(dataId, Caller.WITHOUT_KEY), Reason.FINALIZED);
			}
			Duration idleAfter = this.retention.idleAfter();
			if (idleAfter != null) {
				sweep(this.store.idleFor(idleAfter), (dataId) -> this.store.buryIdle(dataId, idleAfter), Reason.IDLE);
			}
		}
		catch (DataAccessException | TransactionException ex) {
			log.warn("Retention was interrupted and goes on in {}: {}", this.retention.interval(), ex.getMessage());
		}
	}

	private void sweep(List<UUID> streams, Predicate<UUID> bury, Reason reason) {
		for (UUID dataId : streams) {
			if (bury.test(dataId)) {
				note(dataId, reason, "by the service itself");
				purge(dataId);
			}
		}
	}

	private void purge(UUID dataId) {
		boolean done;
		do {
			done = this.store.purgeStep(dataId, STEP_CHUNKS, STEP_POINTS);
		}
		while (!done);
	}

	private void note(UUID dataId, Reason reason, String by) {
		log.info("Deleted stream {} ({}), {}", dataId, reason.label, by);
		Counter counter = this.deleted.get(reason);
		if (counter != null) {
			counter.increment();
		}
	}

	/** Why a stream was deleted. */
	private enum Reason {

		REQUEST("request"), FINALIZED("retention_finalized"), IDLE("retention_idle");

		private final String label;

		Reason(String label) {
			this.label = label;
		}

	}

}
