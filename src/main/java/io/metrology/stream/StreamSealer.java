package io.metrology.stream;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

import io.metrology.http.ErrorCode;
import io.metrology.http.Fault;
import io.metrology.http.ProblemException;
import io.metrology.http.Sqlstate;
import io.metrology.stream.StreamStore.Activity;
import io.metrology.stream.StreamStore.Ending;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.dao.DataAccessException;
import org.springframework.dao.PessimisticLockingFailureException;
import org.springframework.stereotype.Component;
import org.springframework.transaction.TransactionException;

/**
 * Writes the end of streams on a few threads, many streams in one transaction. The locks
 * of the database decide every race with a chunk: either the chunk is committed first and
 * the transaction sees it, or the chunk is refused.
 */
@Component
class StreamSealer {

	private static final Logger log = LoggerFactory.getLogger(StreamSealer.class);

	private static final int THREADS = 3;

	private static final int MAX_BATCH = 100;

	/** Seconds. A transaction waits at most half a second for each lock. */
	private static final int MAX_STOP = 5;

	private final ExecutorService threads = Executors.newFixedThreadPool(THREADS,
			(work) -> FinalizeService.daemon(work, "seal"));

	private final Set<UUID> sealing = ConcurrentHashMap.newKeySet();

	private final StreamStore store;

	StreamSealer(StreamStore store) {
		this.store = store;
	}

	/** Finalizes streams soon. A stream that is being finalized already is left out. */
	void submit(List<FinalizeWait> waits) {
		List<FinalizeWait> begun = waits.stream().filter(this::begin).toList();
		for (int i = 0; i < begun.size(); i += MAX_BATCH) {
			List<FinalizeWait> batch = begun.subList(i, Math.min(begun.size(), i + MAX_BATCH));
			try {
				this.threads.execute(() -> seal(batch));
			}
			catch (RejectedExecutionException ex) {
				batch.forEach((wait) -> wait.answer().completeExceptionally(ProblemException.stopping(ex)));
			}
		}
	}

	/** Several requests may wait for one stream. */
	private boolean begin(FinalizeWait wait) {
		boolean first = this.sealing.add(wait.dataId());
		if (first) {
			wait.isSealing(true);
		}
		return first;
	}

	private void end(FinalizeWait wait) {
		wait.isSealing(false);
		this.sealing.remove(wait.dataId());
	}

	private void seal(List<FinalizeWait> batch) {
		try {
			sealOnceOrEach(batch);
		}
		finally {
			batch.forEach(this::end);
		}
	}

	private void sealOnceOrEach(List<FinalizeWait> batch) {
		try {
			sealTogether(batch);
		}
		catch (PessimisticLockingFailureException ex) {
			// A chunk is being written, possibly by another instance.
			if (batch.size() > 1) {
				batch.forEach((wait) -> sealOnceOrEach(List.of(wait)));
			}
			else {
				batch.forEach(StreamSealer::postpone);
			}
		}
		catch (DataAccessException | TransactionException ex) {
			boolean retryable = Sqlstate.of(ex).isWorthRetrying();
			batch.forEach((wait) -> wait.failed(ex, retryable));
		}
		catch (RuntimeException | Error ex) {
			batch.forEach((wait) -> wait.answer().completeExceptionally(ex));
		}
	}

	private static void postpone(FinalizeWait wait) {
		if (wait.isGivenUp()) {
			wait.giveUp();
		}
		wait.disturb();
	}

	private void sealTogether(List<FinalizeWait> batch) {
		List<Attempt> attempts = batch.stream().map(Attempt::of).toList();
		Map<UUID, Activity> sealed = this.store.seal(attempts.stream().map(Attempt::ending).toList());
		for (Attempt attempt : attempts) {
			FinalizeWait wait = attempt.request();
			Activity activity = sealed.get(wait.dataId());
			if (activity != null) {
				wait.run(() -> log(wait, activity.missingChunks()));
				wait.answer().complete(activity);
			}
			else if (attempt.manifestIsDue() && this.store.isUnchanged(wait.dataId(), attempt.ending().unchanged())) {
				refuseMismatch(wait);
			}
		}
	}

	private static void log(FinalizeWait wait, long missingChunks) {
		if (missingChunks > 0) {
			log.warn("Finalized stream {} with {} missing chunks, asked with {}", wait.dataId(), missingChunks,
					wait.caller());
		}
		else {
			log.info("Finalized stream {}, asked with {}", wait.dataId(), wait.caller());
		}
	}

	/** Answers a wait whose stream is finalized already. */
	void confirm(FinalizeWait wait, Activity finalized) {
		refuseMismatch(wait);
		wait.answer().complete(finalized);
	}

	private void refuseMismatch(FinalizeWait wait) {
		ProblemException mismatch = mismatch(wait);
		if (mismatch != null) {
			wait.answer().completeExceptionally(mismatch);
		}
	}

	private @Nullable ProblemException mismatch(FinalizeWait wait) {
		List<Fault> faults = this.store.faults(wait.dataId(), wait.manifest());
		return faults.isEmpty() ? null
				: new ProblemException(ErrorCode.MANIFEST_MISMATCH,
						"The stored data differ from the manifest, and the stream stays as it is: "
								+ faults.get(0).detail() + " (data_id " + wait.dataId() + ").")
					.with(faults);
	}

	/** Lets the transactions that have begun end. */
	void stop() {
		this.threads.shutdown();
		try {
			this.threads.awaitTermination(MAX_STOP, TimeUnit.SECONDS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	/**
	 * An attempt to finalize the stream of a wait.
	 *
	 * @param manifestIsDue whether a manifest that differs ends the wait
	 */
	private record Attempt(FinalizeWait request, Ending ending, boolean manifestIsDue) {

		static Attempt of(FinalizeWait wait) {
			boolean manifestIsDue = wait.manifest() != null && wait.isManifestDue();
			return new Attempt(wait, new Ending(wait.dataId(), wait.requiredChanges(), wait.manifest(), wait.caller()),
					manifestIsDue);
		}

	}

}
