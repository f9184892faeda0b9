package io.metrology.stream;

import java.time.Duration;
import java.util.List;
import java.util.UUID;

import io.metrology.http.ErrorCode;
import io.metrology.http.Fault;
import io.metrology.http.ProblemException;
import io.metrology.stream.StreamStore.Activity;
import org.jspecify.annotations.Nullable;

import org.springframework.stereotype.Service;

/**
 * Finalizes streams: drains, then seals. Clients push without waiting for answers, so a
 * stream's last chunks may still be on their way, or about to be tried again, when its
 * end is announced. Nothing about the wait is stored; the seal is one transaction.
 */
@Service
class FinalizeService {

	private static final Duration SHORTEST_PAUSE = Duration.ofMillis(10);

	private static final Duration LAST_CHANCE = Duration.ofSeconds(1);

	private final StreamStore store;

	private final StreamTraffic traffic;

	private final FinalizeProperties properties;

	FinalizeService(StreamStore store, StreamTraffic traffic, FinalizeProperties properties) {
		this.store = store;
		this.traffic = traffic;
		this.properties = properties;
	}

	/**
	 * Waits until nothing of the stream is on its way any more, and seals it. With a
	 * manifest, a stream that holds just what it says is sealed at once, and one that
	 * differs stays open.
	 * @throws ProblemException {@code stream_unknown}, {@code stream_deleted},
	 * {@code manifest_mismatch}, or {@code overloaded} if chunks never ceased to arrive
	 */
	Activity finish(UUID dataId, @Nullable Manifest manifest) {
		Activity activity = require(dataId);
		if (!activity.isFinalized()) {
			drain(dataId, manifest);
		}
		requireMatch(dataId, manifest);
		return activity;
	}

	private void drain(UUID dataId, @Nullable Manifest manifest) {
		long start = System.nanoTime();
		long deadline = start + this.properties.maxWait().toNanos();
		long earliest = start + this.properties.quietPeriod().toNanos();
		try {
			while (true) {
				boolean over = System.nanoTime() >= deadline;
				Duration pause = over ? Duration.ZERO : pause(dataId, earliest);
				boolean complete = manifest != null && manifest.faults(this.store.holdings(dataId)).isEmpty();
				if (pause.isZero()) {
					requireMatch(dataId, manifest);
				}
				if ((pause.isZero() || complete) && sealUndisturbed(dataId, over || complete, manifest, deadline)) {
					return;
				}
				Thread
					.sleep(min(pause.plus(SHORTEST_PAUSE), Duration.ofNanos(Math.max(1, deadline - System.nanoTime())))
						.toMillis());
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw busy(dataId);
		}
	}

	/** How long the stream must still stay quiet. */
	private Duration pause(UUID dataId, long earliest) {
		Duration fromStart = Duration.ofNanos(Math.max(0, earliest - System.nanoTime()));
		Duration silence = require(dataId).silence();
		Duration fromChunk = (silence != null) ? this.properties.quietPeriod().minus(silence) : Duration.ZERO;
		Duration longer = (fromStart.compareTo(fromChunk) > 0) ? fromStart : fromChunk;
		return longer.isNegative() ? Duration.ZERO : longer;
	}

	/**
	 * Seals while this process holds no request of the stream, nor one whose body it has
	 * not read. Once the wait is over, or all that was announced is there, the quiet
	 * period no longer counts, but those requests do.
	 */
	private boolean sealUndisturbed(UUID dataId, boolean unquiet, @Nullable Manifest manifest, long deadline)
			throws InterruptedException {
		boolean over = System.nanoTime() >= deadline;
		Duration left = over ? LAST_CHANCE : Duration.ofNanos(deadline - System.nanoTime());
		if (!this.traffic.awaitRead(this.traffic.unread(), left) || !this.traffic.hold(dataId, left)) {
			if (over) {
				throw busy(dataId);
			}
			return false;
		}
		try {
			return this.store.seal(dataId, unquiet ? null : this.properties.quietPeriod(), manifest);
		}
		finally {
			this.traffic.release(dataId);
		}
	}

	private void requireMatch(UUID dataId, @Nullable Manifest manifest) {
		List<Fault> faults = (manifest != null) ? manifest.faults(this.store.holdings(dataId)) : List.of();
		if (!faults.isEmpty()) {
			throw new ProblemException(ErrorCode.MANIFEST_MISMATCH,
					"The stream holds something other than the manifest says, and stays as it is: "
							+ faults.get(0).detail() + " (data_id " + dataId + ").")
				.with(faults);
		}
	}

	private Activity require(UUID dataId) {
		Activity activity = this.store.activity(dataId).orElseThrow(() -> StreamService.unknown(dataId));
		if (activity.isDeleted()) {
			throw StreamService.deleted(dataId);
		}
		return activity;
	}

	private static ProblemException busy(UUID dataId) {
		return new ProblemException(ErrorCode.OVERLOADED,
				"Chunks of the stream are still arriving; it stays open, finalize it again (data_id " + dataId + ").")
			.retryAfter(Duration.ofSeconds(5));
	}

	private static Duration min(Duration one, Duration other) {
		return (one.compareTo(other) < 0) ? one : other;
	}

}
