package io.metrology.http.load;

import java.time.Duration;

import jakarta.servlet.http.HttpServletRequest;

/**
 * When a request arrived, and when it must be answered. The deadline is
 * {@code metrology.http.max-wait} after the arrival. The time in which the body arrives
 * does not count.
 */
public final class RequestDeadline {

	/** The deadline of requests that passed no filter, as in unit tests. */
	private static final Duration DEFAULT_MAX_WAIT = Duration.ofSeconds(25);

	private static final String ATTRIBUTE = RequestDeadline.class.getName();

	private final long arrivedAt;

	private volatile long nanoTime;

	RequestDeadline(long arrivedAt, Duration maxWait) {
		this.arrivedAt = arrivedAt;
		this.nanoTime = arrivedAt + maxWait.toNanos();
	}

	/** Gives a request its deadline. */
	static RequestDeadline begin(HttpServletRequest request, long arrivedAt, Duration maxWait) {
		RequestDeadline deadline = new RequestDeadline(arrivedAt, maxWait);
		request.setAttribute(ATTRIBUTE, deadline);
		return deadline;
	}

	/** Returns the deadline of a request. */
	public static RequestDeadline of(HttpServletRequest request) {
		if (request.getAttribute(ATTRIBUTE) instanceof RequestDeadline deadline) {
			return deadline;
		}
		return begin(request, System.nanoTime(), DEFAULT_MAX_WAIT);
	}

	/** Moves the deadline by the time in which the body arrived. */
	void extend(long nanos) {
		this.nanoTime += nanos;
	}

	/** Leaves a request at least this time from now. */
	void leaveAtLeast(Duration time) {
		this.nanoTime = Math.max(this.nanoTime, System.nanoTime() + time.toNanos());
	}

	/**
	 * Returns when the first bytes of the request arrived, by {@link System#nanoTime}.
	 */
	public long arrivedAt() {
		return this.arrivedAt;
	}

	/** Returns when the request must be answered, by {@link System#nanoTime}. */
	public long nanoTime() {
		return this.nanoTime;
	}

	/** Returns the time until the deadline, at least zero. */
	public Duration left() {
		return Duration.ofNanos(Math.max(0, this.nanoTime - System.nanoTime()));
	}

}
