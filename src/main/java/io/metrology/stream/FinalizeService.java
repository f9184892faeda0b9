package io.metrology.stream;

import java.time.Duration;
import java.util.List;
import java.util.UUID;

import io.metrology.http.Caller;
import io.metrology.http.ErrorCode;
import io.metrology.http.Fault;
import io.metrology.http.ProblemException;
import io.metrology.http.Sqlstate;
import io.metrology.stream.StreamStore.Activity;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.dao.DataAccessException;
import org.springframework.dao.PessimisticLockingFailureException;
import org.springframework.stereotype.Service;
import org.springframework.transaction.TransactionException;

/**
 * Finalizes streams: drains, then seals. Clients push without waiting for answers, so a
 * stream's last chunks may still be on their way, or about to be tried again, when its
 * end is announced. Nothing about the wait is stored; the seal is one transaction.
 */
@Service
class FinalizeService {

	private static final Logger log = LoggerFactory.getLogger(FinalizeService.class);

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
	 * differs stays open. While the database is away the wait goes on.
	 * @throws ProblemException {@code stream_unknown}, {@code stream_deleted},
	 * {@code manifest_mismatch}, or {@code overloaded} if chunks never ceased to arrive
	 */
	Activity finish(UUID dataId, @Nullable Manifest manifest, Caller caller) {
		Drain drain = new Drain(this.properties);
		try {
			while (true) {
				Activity activity = tryToFinish(dataId, manifest, drain, caller);
				if (activity != null) {
					return activity;
				}
				if (drain.isOver()) {
					throw busy(dataId);
				}
				drain.pause();
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw busy(dataId);
		}
	}

	/** The stream once it is sealed, null where it is not yet. */
	private @Nullable Activity tryToFinish(UUID dataId, @Nullable Manifest manifest, Drain drain, Caller caller)
			throws InterruptedException {
		try {
			Activity activity = require(dataId);
			if (activity.isFinalized()) {
				requireMatch(dataId, manifest);
				return activity;
			}
			drain.look(activity.changes());
			return seal(dataId, activity, manifest, drain, caller) ? activity : null;
		}
		catch (PessimisticLockingFailureException ex) {
			// A chunk is being written by another instance.
			drain.disturb();
		}
		catch (DataAccessException | TransactionException ex) {
			if (drain.isOver() || !Sqlstate.of(ex).isWorthRetrying()) {
				throw ex;
			}
			drain.disturb();
		}
		return null;
	}

	/**
	 * Seals a stream that is quiet, while this process holds no request for it. Once the
	 * wait is over, or all that was announced is there, the quiet period no longer
	 * counts, but those requests do.
	 */
	private boolean seal(UUID dataId, Activity activity, @Nullable Manifest manifest, Drain drain, Caller caller)
			throws InterruptedException {
		boolean complete = manifest != null && manifest.faults(this.store.holdings(dataId)).isEmpty();
		boolean due = drain.isQuiet() || drain.isOver();
		if (!(due || complete) || !this.traffic.hold(dataId, drain.left())) {
			return false;
		}
		Long unchanged = (complete || drain.isOver()) ? null : activity.changes();
		boolean sealed;
		try {
			sealed = this.store.seal(dataId, unchanged, manifest, caller);
		}
		finally {
			this.traffic.release(dataId);
		}
		if (sealed) {
			log.info("Finalized stream {}, asked with {}", dataId, caller);
		}
		else if (due && this.store.isUnchanged(dataId, unchanged)) {
			requireMatch(dataId, manifest);
		}
		// Another request may have been quicker.
		return sealed || require(dataId).isFinalized();
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
				"Requests that are or may be for the stream are still being received; it stays open, finalize it again (data_id "
						+ dataId + ").")
			.retryAfter(Duration.ofSeconds(5));
	}

}
