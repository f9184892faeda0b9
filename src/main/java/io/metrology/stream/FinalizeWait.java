package io.metrology.stream;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

import io.metrology.http.Caller;
import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import io.metrology.http.load.RequestDeadline;
import io.metrology.stream.Manifest.Holding;
import io.metrology.stream.StreamStore.Activity;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/**
 * The wait of one finalize request. It is in memory only, so a crash leaves nothing
 * unfinished. The quiet period is what this instance saw: PostgreSQL answered and no
 * chunk of the stream was committed. The time in a row of a chunk would not do, because
 * its commit can take longer than the quiet period.
 */
final class FinalizeWait {

	/** How long requests in flight are waited for after the maximum wait. */
	private static final Duration LAST_CHANCE = Duration.ofSeconds(1);

	/** Time for the answer between the end of the wait and the deadline. */
	private static final Duration ANSWER_TIME = Duration.ofSeconds(1);

	private static final Duration RETRY_AFTER = Duration.ofSeconds(5);

	/** The clocks of two machines need not run equally fast. */
	private static final Duration CLOCK_TOLERANCE = Duration.ofMillis(50);

	private final UUID dataId;

	private final @Nullable Manifest manifest;

	private final Caller caller;

	private final Duration quietPeriod;

	private final @Nullable Map<String, String> logContext = MDC.getCopyOfContextMap();

	private final CompletableFuture<Activity> answer = new CompletableFuture<>();

	private final long arrivedAt;

	private final long quietCountsUntil;

	private final long givesUpAt;

	private final long deadline;

	private volatile long changes = -1;

	private volatile long quietSince;

	private volatile boolean complete;

	private volatile boolean sealing;

	private long comparedChanges = -1;

	private volatile @Nullable RuntimeException outage;

	FinalizeWait(UUID dataId, @Nullable Manifest manifest, Caller caller, RequestDeadline deadline,
			FinalizeProperties properties) {
		this.dataId = dataId;
		this.manifest = manifest;
		this.caller = caller;
		this.quietPeriod = properties.quietPeriod();
		long now = System.nanoTime();
		this.arrivedAt = deadline.arrivedAt();
		this.quietSince = now;
		// A finalize request is processed also if its deadline has passed.
		this.deadline = now + Math.max(deadline.nanoTime() - now, 2 * ANSWER_TIME.toNanos());
		// The time in which the body arrived has moved the deadline.
		long maxWait = Math.min(properties.maxWait().toNanos(),
				this.deadline - now - LAST_CHANCE.toNanos() - 2 * ANSWER_TIME.toNanos());
		this.quietCountsUntil = now + maxWait;
		this.givesUpAt = now + Math.max(0, this.quietCountsUntil - now) + LAST_CHANCE.toNanos();
	}

	UUID dataId() {
		return this.dataId;
	}

	@Nullable Manifest manifest() {
		return this.manifest;
	}

	Caller caller() {
		return this.caller;
	}

	/** Returns the arrival of the finalize request, by {@link System#nanoTime}. */
	long arrivedAt() {
		return this.arrivedAt;
	}

	/** Returns the arrival by the clock of the database, late rather than early. */
	Instant arrival(DatabaseClock clock) {
		return clock.latest(this.arrivedAt).plus(CLOCK_TOLERANCE);
	}

	/** Notes the number of changes to the stream. */
	void look(long changesNow) {
		this.outage = null;
		if (changesNow != this.changes) {
			this.complete = false;
			disturb();
		}
		this.changes = changesNow;
	}

	/** Returns the number of changes at the last look. */
	long changes() {
		return this.changes;
	}

	/** Starts the quiet period again. */
	void disturb() {
		this.quietSince = System.nanoTime();
	}

	/** Notes that PostgreSQL did not answer, and ends the wait if that is final. */
	void failed(RuntimeException failure, boolean retryable) {
		if (!retryable || isAtDeadline()) {
			this.answer.completeExceptionally(failure);
		}
		this.outage = failure;
		disturb();
	}

	/** Returns whether the stream has changed since it was compared. */
	boolean needsComparison() {
		return this.manifest != null && !isAnswered() && this.comparedChanges != this.changes;
	}

	/** Compares the stream with the manifest. */
	void compare(Map<String, Holding> stored) {
		this.comparedChanges = this.changes;
		this.complete = this.manifest != null && this.manifest.faults(stored).isEmpty();
	}

	/** Returns whether a thread is finalizing the stream for this wait. */
	boolean isSealing() {
		return this.sealing;
	}

	void isSealing(boolean sealing) {
		this.sealing = sealing;
	}

	/** Returns whether the stream may be finalized, if no request is in flight. */
	boolean isDue() {
		return isQuiet() || isOver() || this.complete;
	}

	/** Returns the changes that the stream must still have when it is finalized. */
	@Nullable Long requiredChanges() {
		return (this.complete || isOver()) ? null : Long.valueOf(this.changes);
	}

	/** Returns whether the manifest must match now, because the wait has ended. */
	boolean isManifestDue() {
		return isQuiet() || isOver();
	}

	private boolean isQuiet() {
		return System.nanoTime() - this.quietSince >= this.quietPeriod.toNanos();
	}

	/** Returns whether the quiet period no longer counts. */
	private boolean isOver() {
		return System.nanoTime() - this.quietCountsUntil >= 0;
	}

	/** Returns whether requests in flight are no longer waited for. */
	boolean isGivenUp() {
		return System.nanoTime() - this.givesUpAt >= 0;
	}

	/** Returns whether PostgreSQL is no longer waited for. */
	boolean isAtDeadline() {
		return System.nanoTime() - this.deadline + ANSWER_TIME.toNanos() >= 0;
	}

	/** Returns the stream when it is finalized, or the error. */
	CompletableFuture<Activity> answer() {
		return this.answer;
	}

	/**
	 * Returns the finalized stream of a wait that has ended.
	 * @throws RuntimeException the error that ended it
	 */
	Activity result() {
		try {
			return this.answer.join();
		}
		catch (CompletionException ex) {
			throw (ex.getCause() instanceof RuntimeException failure) ? failure : ex;
		}
	}

	boolean isAnswered() {
		return this.answer.isDone();
	}

	/** Runs a step of this request with its id in the log. */
	void run(Runnable step) {
		if (this.logContext != null) {
			MDC.setContextMap(this.logContext);
		}
		try {
			step.run();
		}
		finally {
			MDC.clear();
		}
	}

	/** Ends the wait, because requests for the stream are still in flight. */
	void giveUp() {
		this.answer.completeExceptionally(new ProblemException(ErrorCode.OVERLOADED,
				"The stream was not finalized, because chunks are still arriving. Try again (data_id " + this.dataId
						+ ").")
			.retryAfter(RETRY_AFTER));
	}

	/**
	 * Ends the wait at the deadline. Waits that PostgreSQL answered ended earlier.
	 */
	void endAtDeadline() {
		if (!isAtDeadline()) {
			return;
		}
		String state = this.sealing ? "Whether the stream was finalized is unknown" : "The stream was not finalized";
		this.answer.completeExceptionally(new ProblemException(ErrorCode.DATABASE_UNAVAILABLE,
				state + ", because PostgreSQL did not answer. Try again (data_id " + this.dataId + ").", this.outage)
			.retryAfter(RETRY_AFTER));
	}

}
