package io.metrology.ingest;

import java.time.Duration;
import java.util.List;

import io.metrology.http.ErrorCode;
import io.metrology.http.Hold;
import io.metrology.http.ProblemException;
import io.metrology.http.Sqlstate;
import io.metrology.http.load.RequestDeadline;
import io.metrology.ingest.ChunkReceipt.Outcome;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.stereotype.Service;

/**
 * Stores what clients submit. While PostgreSQL is away a submission is held and its
 * write, which is idempotent, tried again: clients give up too early to do so themselves.
 */
@Service
class ChunkService {

	private static final Logger log = LoggerFactory.getLogger(ChunkService.class);

	private static final Duration RETRY_AFTER = Duration.ofSeconds(5);

	private final GroupCommit group;

	private final ChunkStore store;

	private final Hold hold;

	private final IngestMetrics metrics;

	ChunkService(GroupCommit group, ChunkStore store, Hold hold, IngestMetrics metrics) {
		this.group = group;
		this.store = store;
		this.hold = hold;
		this.metrics = metrics;
	}

	/**
	 * Stores all chunks of a submission, or none; they are committed and flushed when
	 * this returns.
	 * @throws ProblemException the refusal, {@code database_unavailable} once the hold is
	 * over, {@code overloaded} or {@code stopping}
	 */
	List<ChunkReceipt> ingest(Submission submission, RequestDeadline deadline) {
		List<ChunkReceipt> receipts = write(submission, deadline).receiptsOrThrow();
		for (int i = 0; i < receipts.size(); i++) {
			ChunkReceipt receipt = receipts.get(i);
			this.metrics.acknowledged(receipt.outcome(), submission.chunks().get(i).pointCount());
			if (receipt.outcome() == Outcome.REPLACED) {
				log.info("Replaced chunk ({}), sent with {}", receipt.key(), submission.caller());
			}
		}
		return receipts;
	}

	/** What {@link #ingest} would answer now, without writing. */
	List<ChunkReceipt> validate(Submission submission) {
		return this.store.preview(List.of(submission)).get(0).receiptsOrThrow();
	}

	private WriteResult write(Submission submission, RequestDeadline deadline) {
		boolean inDoubt = false;
		Hold.Attempts attempts = this.hold.begin(deadline);
		while (true) {
			try {
				return this.group.write(submission, deadline.nanoTime());
			}
			catch (CommitUnknownException ex) {
				if (!inDoubt) {
					// A later try may find the chunk as it should be, and replace
					// nothing.
					log.info("In doubt whether {} was stored, sent with {}", named(submission), submission.caller());
				}
				inDoubt = true;
				attempts.failed();
				throwIfOver(attempts, true, ex);
			}
			catch (LaneClosedException ex) {
				throw stopping(inDoubt, ex);
			}
			catch (QueueTimeoutException ex) {
				throw attempts.haveFailed() ? away(inDoubt, ex) : overloaded(ex);
			}
			catch (RuntimeException ex) {
				if (!Sqlstate.of(ex).isWorthRetrying()) {
					throw inDoubt ? unavailable("The outcome of a commit could not be learned", true, ex) : ex;
				}
				attempts.failed();
				throwIfOver(attempts, inDoubt, ex);
			}
			pause(attempts, inDoubt);
		}
	}

	private static String named(Submission submission) {
		List<Chunk> chunks = submission.chunks();
		String first = "chunk (" + chunks.get(0).key() + ")";
		return (chunks.size() > 1) ? first + " and " + (chunks.size() - 1) + " others of its request" : first;
	}

	private void throwIfOver(Hold.Attempts attempts, boolean inDoubt, RuntimeException cause) {
		if (attempts.areOver()) {
			throw away(inDoubt, cause);
		}
	}

	private ProblemException away(boolean inDoubt, RuntimeException cause) {
		return unavailable("PostgreSQL was away, or could not write, for " + this.hold.longest().toSeconds() + " s",
				inDoubt, cause);
	}

	private static ProblemException overloaded(Exception cause) {
		return new ProblemException(ErrorCode.OVERLOADED,
				"More chunks arrive than can be written. This one was not stored before its deadline "
						+ "(metrology.http.max-wait). Send it again.",
				cause)
			.retryAfter(RETRY_AFTER);
	}

	private static ProblemException unavailable(String reason, boolean inDoubt, Exception cause) {
		ProblemException problem = new ProblemException(ErrorCode.DATABASE_UNAVAILABLE,
				reason + "; send the chunk again, that is harmless.", cause)
			.retryAfter(RETRY_AFTER);
		return inDoubt ? problem.withUnknownOutcome() : problem;
	}

	private static ProblemException stopping(boolean inDoubt, Exception cause) {
		ProblemException problem = ProblemException.stopping(cause);
		return inDoubt ? problem.withUnknownOutcome() : problem;
	}

	private static void pause(Hold.Attempts attempts, boolean inDoubt) {
		try {
			attempts.pause();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw stopping(inDoubt, ex);
		}
	}

}
