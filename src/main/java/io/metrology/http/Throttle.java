package io.metrology.http;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Lets one event pass in a period, and counts those that it leaves out. */
class Throttle {

	private final long period;

	private final AtomicLong next = new AtomicLong(System.nanoTime());

	private final AtomicInteger leftOut = new AtomicInteger();

	Throttle(Duration period) {
		this.period = period.toNanos();
	}

	/**
	 * Whether an event may pass.
	 * @return how many were left out since the last that did, or −1 if this one is left
	 * out, too
	 */
	int pass() {
		long now = System.nanoTime();
		long due = this.next.get();
		if (now - due >= 0 && this.next.compareAndSet(due, now + this.period)) {
			return this.leftOut.getAndSet(0);
		}
		this.leftOut.incrementAndGet();
		return -1;
	}

}
