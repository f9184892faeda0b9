package io.metrology.http;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;

import io.metrology.http.load.RequestDeadline;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.dao.DataAccessException;
import org.springframework.stereotype.Component;
import org.springframework.transaction.TransactionException;

/**
 * While PostgreSQL is away a request is held and its write, which must be idempotent,
 * tried again: clients give up too early to do so themselves.
 */
@Component
public class Hold {

	private static final Duration FIRST_PAUSE = Duration.ofMillis(20);

	private static final Duration LONGEST_PAUSE = Duration.ofMillis(500);

	private final Duration longest;

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
	 * Begins to write the data of a request. The time for retries begins with the first
	 * failure, and ends at the deadline of the request at the latest.
	 */
	public Attempts begin(RequestDeadline deadline) {
		return new Attempts(deadline);
	}

	/**
	 * Writes, again while the database is away.
	 * @throws ProblemException {@code stopping}
	 */
	public <T> T write(RequestDeadline deadline, Supplier<T> write) {
		try {
			Attempts attempts = begin(deadline);
			while (true) {
				try {
					return write.get();
				}
				catch (DataAccessException | TransactionException ex) {
					attempts.failed();
					if (attempts.areOver() || !Sqlstate.of(ex).isWorthRetrying()) {
						throw ex;
					}
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
	public final class Attempts {

		private final RequestDeadline request;

		/** By {@link System#nanoTime}, from the first failure on. */
		private long deadline;

		private long pause = FIRST_PAUSE.toMillis();

		private boolean failed;

		private Attempts(RequestDeadline request) {
			this.request = request;
		}

		/**
		 * Returns whether the time for retries or the deadline of the request is over.
		 */
		public boolean areOver() {
			return this.failed && System.nanoTime() - this.deadline >= 0;
		}

		/** Notes that an attempt has failed because the database is unavailable. */
		public void failed() {
			if (!this.failed) {
				this.failed = true;
				this.deadline = System.nanoTime()
						+ Math.min(Hold.this.longest.toNanos(), this.request.left().toNanos());
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

	}

}
