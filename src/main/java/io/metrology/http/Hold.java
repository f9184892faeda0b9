package io.metrology.http;

import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.dao.DataAccessException;
import org.springframework.stereotype.Component;
import org.springframework.transaction.TransactionException;

/**
 * While PostgreSQL is away a request is held and its write, which must be idempotent,
 * tried again: clients give up too early to do so themselves. Requests that then find no
 * room wait for as long.
 */
@Component
public class Hold {

	private static final Duration FIRST_PAUSE = Duration.ofMillis(20);

	private static final Duration LONGEST_PAUSE = Duration.ofMillis(500);

	private final Duration longest;

	/** Writes that have failed and are being tried again. */
	private final AtomicInteger failing = new AtomicInteger();

	/**
	 * Makes the one hold of a service.
	 * @param longest for how long a request is held
	 */
	Hold(@Value("${metrology.ingest.hold}") Duration longest) {
		this.longest = longest;
	}

	/** How long a request is held at the longest. */
	public Duration longest() {
		return this.longest;
	}

	/**
	 * Waits for room, for longer than usual while those who have it are held.
	 * @return whether it was got
	 */
	boolean acquire(Semaphore room, int permits, Duration usualWait) throws InterruptedException {
		long begun = System.nanoTime();
		do {
			if (room.tryAcquire(permits, usualWait.toNanos(), TimeUnit.NANOSECONDS)) {
				return true;
			}
		}
		while (this.failing.get() > 0 && System.nanoTime() - begun < this.longest.toNanos());
		return false;
	}

	/** Begins to write what a request brings. */
	public Attempts begin() {
		return new Attempts();
	}

	/**
	 * Writes, again while the database is away.
	 * @throws ProblemException {@code stopping}
	 */
	public <T> T write(Supplier<T> write) {
		try (Attempts attempts = begin()) {
			while (true) {
				try {
					return write.get();
				}
				catch (DataAccessException | TransactionException ex) {
					if (attempts.areOver() || !Sqlstate.of(ex).isWorthRetrying()) {
						throw ex;
					}
					attempts.failed();
				}
				attempts.pause();
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw ProblemException.stopping(ex);
		}
	}

	/** The attempts to write what one request brings; for one thread. */
	public final class Attempts implements AutoCloseable {

		private final long deadline = System.nanoTime() + Hold.this.longest.toNanos();

		private long pause = FIRST_PAUSE.toMillis();

		private boolean failed;

		private Attempts() {
		}

		/** When they are over, by {@link System#nanoTime}. */
		public long deadline() {
			return this.deadline;
		}

		public boolean areOver() {
			return System.nanoTime() - this.deadline >= 0;
		}

		/** Notes that one has failed for want of the database. */
		public void failed() {
			if (!this.failed) {
				this.failed = true;
				Hold.this.failing.incrementAndGet();
			}
		}

		public boolean haveFailed() {
			return this.failed;
		}

		/** Waits before the next, longer each time. */
		public void pause() throws InterruptedException {
			Thread.sleep(ThreadLocalRandom.current().nextLong(this.pause / 2, this.pause + 1));
			this.pause = Math.min(this.pause * 2, LONGEST_PAUSE.toMillis());
		}

		@Override
		public void close() {
			if (this.failed) {
				Hold.this.failing.decrementAndGet();
			}
		}

	}

}
