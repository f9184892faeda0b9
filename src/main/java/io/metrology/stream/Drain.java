package io.metrology.stream;

import java.time.Duration;

/**
 * The wait before a stream is sealed. Quiet is what was seen: over the whole quiet period
 * the database answered, and no chunk of the stream was committed. The time at which a
 * chunk was written would not do, for its commit may have taken longer than that.
 */
final class Drain {

	private static final Duration SHORTEST_PAUSE = Duration.ofMillis(10);

	private static final Duration LONGEST_PAUSE = Duration.ofMillis(200);

	/** How long those who still hold the stream are waited for once the wait is over. */
	private static final Duration LAST_CHANCE = Duration.ofSeconds(1);

	private static final int LOOKS = 10;

	private final Duration quietPeriod;

	private final long deadline;

	private long changes = -1;

	private long quietSince;

	private boolean over;

	Drain(FinalizeProperties properties) {
		this.quietPeriod = properties.quietPeriod();
		this.quietSince = System.nanoTime();
		this.deadline = this.quietSince + properties.maxWait().toNanos();
	}

	/** Notes the count of the changes to the stream, as it is now. */
	void look(long changesNow) {
		this.over = System.nanoTime() >= this.deadline;
		if (changesNow != this.changes) {
			disturb();
		}
		this.changes = changesNow;
	}

	/** The quiet period begins anew. */
	void disturb() {
		this.quietSince = System.nanoTime();
	}

	/** Whether no change was seen for the quiet period, as of the last look. */
	boolean isQuiet() {
		return System.nanoTime() - this.quietSince >= this.quietPeriod.toNanos();
	}

	/** Whether the longest wait was over at the last look. */
	boolean isOver() {
		return this.over;
	}

	/** How long others that still hold the stream may be waited for. */
	Duration left() {
		Duration left = Duration.ofNanos(this.deadline - System.nanoTime());
		return (this.over || left.compareTo(LAST_CHANCE) < 0) ? LAST_CHANCE : left;
	}

	/** Waits until it is worth looking again. */
	void pause() throws InterruptedException {
		Duration pause = this.quietPeriod.dividedBy(LOOKS);
		if (pause.compareTo(SHORTEST_PAUSE) < 0) {
			pause = SHORTEST_PAUSE;
		}
		Thread.sleep(((pause.compareTo(LONGEST_PAUSE) > 0) ? LONGEST_PAUSE : pause).toMillis());
		this.over = System.nanoTime() >= this.deadline;
	}

}
