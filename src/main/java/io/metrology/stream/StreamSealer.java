package io.metrology.stream;

import java.util.List;
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
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.dao.DataAccessException;
import org.springframework.dao.PessimisticLockingFailureException;
import org.springframework.stereotype.Component;
import org.springframework.transaction.TransactionException;

/**
 * Writes the end of streams, each in a transaction of its own, on a few threads. The
 * locks of the database decide every race with a chunk: either the chunk is committed
 * first and the transaction sees it, or the chunk is refused.
 */
@Component
class StreamSealer {

	private static final Logger log = LoggerFactory.getLogger(StreamSealer.class);

	private static final int THREADS = 3;

	/** Seconds. A transaction waits at most half a second for each lock. */
	private static final int MAX_STOP = 5;

	private final ExecutorService threads = Executors.newFixedThreadPool(THREADS,
			(work) -> FinalizeService.daemon(work, "seal"));

	private final Set<UUID> sealing = ConcurrentHashMap.newKeySet();

	private final StreamStore store;

	StreamSealer(StreamStore store) {
		this.store = store;
	}

	/**
	 * Finalizes the stream of a wait soon, unless that happens already for another wait.
	 */
	void submit(FinalizeWait wait) {
		if (!this.sealing.add(wait.dataId())) {
			return;
		}
		wait.isSealing(true);
		try {
			this.threads.execute(() -> wait.run(() -> seal(wait)));
		}
		catch (RejectedExecutionException ex) {
			end(wait);
			wait.answer().completeExceptionally(ProblemException.stopping(ex));
		}
	}

	private void seal(FinalizeWait wait) {
		try {
			trySeal(wait);
		}
		catch (PessimisticLockingFailureException ex) {
			// A chunk is being written, possibly by another instance.
			if (wait.isGivenUp()) {
				wait.giveUp();
			}
			wait.disturb();
		}
		catch (DataAccessException | TransactionException ex) {
			wait.failed(ex, Sqlstate.of(ex).isWorthRetrying());
		}
		catch (RuntimeException ex) {
			wait.answer().completeExceptionally(ex);
		}
		finally {
			end(wait);
		}
	}

	private void trySeal(FinalizeWait wait) {
		UUID dataId = wait.dataId();
		Long unchanged = wait.requiredChanges();
		boolean manifestIsDue = wait.isManifestDue();
		Activity sealed = this.store.seal(dataId, unchanged, wait.manifest(), wait.caller());
		if (sealed != null) {
			log(wait, sealed.missingChunks());
			wait.answer().complete(sealed);
		}
		else if (manifestIsDue && this.store.isUnchanged(dataId, unchanged)) {
			ProblemException mismatch = mismatch(wait);
			if (mismatch != null) {
				wait.answer().completeExceptionally(mismatch);
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
		ProblemException mismatch = mismatch(wait);
		if (mismatch == null) {
			wait.answer().complete(finalized);
		}
		else {
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

	private void end(FinalizeWait wait) {
		wait.isSealing(false);
		this.sealing.remove(wait.dataId());
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

}
