package io.metrology.ingest;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import io.metrology.http.Sqlstate;
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

	private static final Duration FIRST_PAUSE = Duration.ofMillis(20);

	private static final Duration LONGEST_PAUSE = Duration.ofMillis(500);

	private static final Duration RETRY_AFTER = Duration.ofSeconds(5);

	private final GroupCommit group;

	private final ChunkStore store;

	private final IngestProperties properties;

	private final IngestMetrics metrics;

	ChunkService(GroupCommit group, ChunkStore store, IngestProperties properties, IngestMetrics metrics) {
		this.group = group;
		this.store = store;
		this.properties = properties;
		this.metrics = metrics;
	}

	/**
	 * Stores all chunks of a submission, or none; they are committed and flushed when
	 * this returns.
	 * @throws ProblemException the refusal, {@code database_unavailable} once the hold is
	 * over, {@code overloaded} or {@code stopping}
	 */
	List<ChunkReceipt> ingest(Submission submission) {
		List<ChunkReceipt> receipts = write(submission).receiptsOrThrow();
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

	private WriteResult write(Submission submission) {
		long deadline = System.nanoTime() + this.properties.hold().toNanos();
		long pause = FIRST_PAUSE.toMillis();
		boolean inDoubt = false;
		boolean failed = false;
		while (true) {
			try {
				return this.group.write(submission, deadline);
			}
			catch (CommitUnknownException ex) {
				if (!inDoubt) {
					// A later try may find the chunk as it should be, and replace
					// nothing.
					log.info("In doubt whether {} was stored, sent with {}", named(submission), submission.caller());
				}
				inDoubt = true;
				failed = true;
				throwIfOver(deadline, true, ex);
			}
			catch (LaneClosedException ex) {
				throw stopping(inDoubt, ex);
			}
			catch (QueueTimeoutException ex) {
				// It may have waited for others, but only because they fail, too.
				throw failed ? away(inDoubt, ex) : overloaded(ex);
			}
			catch (RuntimeException ex) {
				if (!Sqlstate.of(ex).isWorthRetrying()) {
					throw inDoubt ? unavailable("The outcome of a commit could not be learned", true, ex) : ex;
				}
				failed = true;
				throwIfOver(deadline, inDoubt, ex);
			}
			sleep(pause, inDoubt);
			pause = Math.min(pause * 2, LONGEST_PAUSE.toMillis());
		}
	}

	private static String named(Submission submission) {
		List<Chunk> chunks = submission.chunks();
		String first = "chunk (" + chunks.get(0).key() + ")";
		return (chunks.size() > 1) ? first + " and " + (chunks.size() - 1) + " others of its request" : first;
	}

	private void throwIfOver(long deadline, boolean inDoubt, RuntimeException cause) {
		if (System.nanoTime() >= deadline) {
			throw away(inDoubt, cause);
		}
	}

	private ProblemException away(boolean inDoubt, RuntimeException cause) {
		return unavailable("PostgreSQL was away, or could not write, for " + this.properties.hold().toSeconds() + " s",
				inDoubt, cause);
	}

	private ProblemException overloaded(Exception cause) {
		return new ProblemException(ErrorCode.OVERLOADED, "More chunks arrive than can be written: this one waited for "
				+ this.properties.hold().toSeconds() + " s and was not stored; send it again.", cause)
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

	private static void sleep(long millis, boolean inDoubt) {
		try {
			Thread.sleep(ThreadLocalRandom.current().nextLong(millis / 2, millis + 1));
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw stopping(inDoubt, ex);
		}
	}

}
