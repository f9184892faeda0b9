package io.metrology.http;

import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.servlet.http.HttpServletRequest;

import org.springframework.stereotype.Component;

/**
 * Bounds the memory that the bodies of all requests in flight take. A share is taken
 * before the body is read, and given back when the request is answered.
 *
 * <p>
 * Short bodies are not counted: there are never more of them than requests are admitted,
 * so that their sum is bounded, and they never wait for long ones. What a long body will
 * take is known by its announced length, and waited for, first come, first served. Where
 * it turns out to take more nobody waits, as each would hold what the others wait for.
 */
@Component
class BodyMemory {

	/** Bytes: some 1 500 points. */
	static final int SHORT = 64 * 1024;

	/**
	 * What a body takes, by its length: itself, and its numbers as doubles. Those of 12
	 * characters a point, comma included, take 1.3 times its length.
	 */
	static final int TIMES_LENGTH = 3;

	private static final int UNIT = 1024;

	private static final String SHARE = BodyMemory.class.getName();

	private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

	/**
	 * Those who wait hold a request each, which short bodies need, too: one in so many.
	 */
	private static final int PART_THAT_WAITS = 4;

	private final int total;

	private final int mostWaiting;

	private final Duration maxWait;

	private final Hold hold;

	private final Semaphore free;

	BodyMemory(AdmissionProperties properties, Hold hold, MeterRegistry registry) {
		this.total = (int) Math.min(Integer.MAX_VALUE, Math.max(1, properties.bodyMemory() / UNIT));
		this.mostWaiting = Math.max(1, properties.maxRequests() / PART_THAT_WAITS);
		this.maxWait = properties.maxWait();
		this.hold = hold;
		this.free = new Semaphore(this.total, true);
		Gauge.builder("metrology.http.body.memory", this, BodyMemory::used)
			.baseUnit("bytes")
			.description("Memory taken by bodies beyond 64 KiB that are in flight, what is read from them included")
			.register(registry);
		Gauge.builder("metrology.http.body.memory.fill", this, (memory) -> memory.used() / UNIT / memory.total)
			.baseUnit("ratio")
			.description("The part that is taken of what such bodies may take")
			.register(registry);
	}

	/** The share of a request, which so far is nothing. */
	Share open(HttpServletRequest request) {
		if (request.getAttribute(SHARE) instanceof Share share) {
			return share;
		}
		Share share = new Share();
		request.setAttribute(SHARE, share);
		return share;
	}

	/** Gives back what a request has taken; it is answered. */
	void release(HttpServletRequest request) {
		if (request.getAttribute(SHARE) instanceof Share share) {
			share.release();
		}
	}

	private double used() {
		return (this.total - this.free.availablePermits()) * (double) UNIT;
	}

	private ProblemException overloaded() {
		return new ProblemException(ErrorCode.OVERLOADED,
				"More data arrives than the service may hold (metrology.http.admission.max-body-memory); send it again.")
			.retryAfter(RETRY_AFTER);
	}

	private ProblemException tooLarge() {
		return new ProblemException(ErrorCode.BODY_TOO_LARGE, "The body holds more numbers than there is memory for, "
				+ "half of the heap; split the data into smaller requests.");
	}

	/** What one request has taken; for one thread. */
	final class Share {

		private int units;

		/**
		 * Takes memory, and waits for it. A body that needs more than there is gets all
		 * of it, alone.
		 * @param bytes in all
		 * @throws ProblemException {@code overloaded}
		 */
		void await(long bytes) {
			int wanted = unitsFor(bytes) - this.units;
			if (wanted <= 0) {
				return;
			}
			try {
				boolean admitted = BodyMemory.this.free.tryAcquire(wanted, 0, TimeUnit.SECONDS)
						|| (BodyMemory.this.free.getQueueLength() < BodyMemory.this.mostWaiting
								&& BodyMemory.this.hold.acquire(BodyMemory.this.free, wanted, BodyMemory.this.maxWait));
				take(wanted, admitted);
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
				throw ProblemException.stopping(ex);
			}
		}

		/**
		 * Takes more memory if it is free.
		 * @param bytes in all
		 * @throws ProblemException {@code overloaded}, or {@code body_too_large} where it
		 * would be more than half of the heap
		 */
		void grow(long bytes) {
			if (bytes > Math.max(Runtime.getRuntime().maxMemory() / 2, BodyMemory.this.total * (long) UNIT)) {
				throw tooLarge();
			}
			int wanted = unitsFor(bytes) - this.units;
			if (wanted > 0) {
				take(wanted, BodyMemory.this.free.tryAcquire(wanted));
			}
		}

		private void take(int wanted, boolean admitted) {
			if (!admitted) {
				throw overloaded();
			}
			this.units += wanted;
		}

		private int unitsFor(long bytes) {
			return (int) Math.min(BodyMemory.this.total, (bytes + UNIT - 1) / UNIT);
		}

		private void release() {
			BodyMemory.this.free.release(this.units);
			this.units = 0;
		}

	}

}
