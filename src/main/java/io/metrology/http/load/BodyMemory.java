package io.metrology.http.load;

import io.metrology.http.ErrorCode;
import io.metrology.http.HttpProperties;
import io.metrology.http.ProblemException;
import io.metrology.http.load.AsyncPermits.Outcome;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

import org.springframework.stereotype.Component;

/**
 * Bounds the memory of large bodies. A request takes its share before its body is read,
 * waits for it without a thread, and gives it back when it is answered.
 *
 * <p>
 * Bodies up to 64 KiB take no share. Their memory is bounded by the number of threads and
 * by {@link AsyncRequests}, and they never wait for large bodies.
 */
@Component
public class BodyMemory {

	/** Bytes: about 1 500 points. */
	public static final int SMALL = 64 * 1024;

	/**
	 * The memory of a body, by its length: the body itself, and its numbers as doubles.
	 * Points of 12 characters, commas included, take 1.3 times their length.
	 */
	public static final int TIMES_LENGTH = 3;

	/** The length of a decompressed body, by its length in gzip. */
	private static final int GZIP_RATIO = 5;

	private static final int UNIT = 1024;

	private final AsyncPermits permits;

	/** Makes the memory. */
	public BodyMemory(HttpProperties properties, AsyncRequests requests, MeterRegistry registry) {
		this.permits = requests.permits("body",
				(int) Math.min(Integer.MAX_VALUE, Math.max(1, properties.bodyMemory() / UNIT)));
		Gauge.builder("metrology.http.body.memory", () -> this.permits.used() * (double) UNIT)
			.baseUnit("bytes")
			.description("Memory of bodies above 64 KiB that are in flight, with the numbers read from them")
			.register(registry);
		Gauge.builder("metrology.http.body.memory.fill", () -> this.permits.used() / (double) this.permits.total())
			.baseUnit("ratio")
			.description("That memory divided by metrology.http.max-body-memory")
			.register(registry);
	}

	/**
	 * Takes the share of a body of known length. A body that needs more than there is
	 * gets all of it, alone.
	 * @param length as announced, or -1 for a body whose share grows with its arrival
	 */
	Outcome acquire(HttpServletRequest request, HttpServletResponse response, long length) {
		long bytes = Math.max(0, length) * (BodyLimits.isGzip(request) ? GZIP_RATIO : 1);
		return (bytes <= SMALL) ? Outcome.GRANTED
				: this.permits.acquire(request, response, unitsFor(bytes * TIMES_LENGTH));
	}

	/**
	 * Takes more memory if it is free.
	 * @param bytes in all
	 * @throws ProblemException {@code overloaded}, or {@code body_too_large} if it is
	 * more than half of the heap
	 */
	public void grow(HttpServletRequest request, long bytes) {
		if (bytes <= SMALL * (long) TIMES_LENGTH) {
			return;
		}
		if (bytes > Math.max(Runtime.getRuntime().maxMemory() / 2, this.permits.total() * (long) UNIT)) {
			throw new ProblemException(ErrorCode.BODY_TOO_LARGE,
					"The numbers of the body need more memory than half of the heap. "
							+ "Split the data into smaller requests.");
		}
		int more = unitsFor(bytes) - this.permits.granted(request);
		if (more > 0 && !this.permits.grow(request, more)) {
			throw overloaded();
		}
	}

	/** Gives the share of a request back. */
	void release(HttpServletRequest request) {
		this.permits.release(request);
	}

	private int unitsFor(long bytes) {
		return (int) Math.min(this.permits.total(), (bytes + UNIT - 1) / UNIT);
	}

	static ProblemException overloaded() {
		return new ProblemException(ErrorCode.OVERLOADED,
				"The service has no memory left for request bodies (metrology.http.max-body-memory). Send the request again.")
			.retryAfter(BodyFilter.RETRY_AFTER);
	}

}
