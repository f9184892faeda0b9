package io.metrology.http.load;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.stereotype.Component;

/**
 * Bounds the requests that have started and wait without a thread: for the rest of a
 * body, for memory, for a download slot, or for a stream that is being finalized. Tomcat
 * keeps the buffers of such a request, so their memory has a budget: 40 % of the heap
 * that remains beside the service itself.
 *
 * <p>
 * If the budget is used up, a few threads wait for a place. A further request gets 503
 * {@code overloaded}, because all threads would otherwise wait for places that only a
 * thread can free.
 */
@Component
public class AsyncRequests {

	/** Heap bytes of a request that waits without a thread, measured on Tomcat 11. */
	private static final int BYTES_PER_REQUEST = 80 * 1024;

	private static final double PART_OF_HEAP = 0.4;

	private static final int UNIT = 1024;

	private static final int MAX_WAITING_THREADS = 8;

	private static final Duration LOOK = Duration.ofMillis(100);

	private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

	private static final String ATTRIBUTE = AsyncRequests.class.getName();

	private final int total;

	/** In KiB. */
	private final Semaphore free;

	private final AtomicInteger count = new AtomicInteger();

	private final Semaphore waitingThreads = new Semaphore(MAX_WAITING_THREADS);

	private final List<AsyncPermits> permits = new CopyOnWriteArrayList<>();

	private volatile BooleanSupplier evictor = () -> false;

	/** Makes the bound. */
	public AsyncRequests(MeterRegistry registry) {
		this.total = (int) Math.min(Integer.MAX_VALUE, HeapParts.of(PART_OF_HEAP) / UNIT);
		this.free = new Semaphore(this.total);
		Gauge.builder("metrology.http.async", this.count, AtomicInteger::get)
			.baseUnit("requests")
			.description("Requests that have started and wait without a thread")
			.register(registry);
	}

	/**
	 * Makes permits that requests wait for without a thread.
	 * @param name tells these permits from others of the same request
	 */
	public AsyncPermits permits(String name, int total) {
		AsyncPermits permits = new AsyncPermits(name, total, this);
		this.permits.add(permits);
		return permits;
	}

	/** Dispatches the requests that waited for permits until their deadline. */
	@Scheduled(fixedDelay = 250)
	void expire() {
		this.permits.forEach(AsyncPermits::expire);
	}

	/** Frees a place if one can be freed, and returns whether it did. */
	void evictBy(BooleanSupplier evictor) {
		this.evictor = evictor;
	}

	/**
	 * Lets a request wait without a thread. Its place is freed when the request is
	 * answered.
	 * @param bodyBytes the buffer that the request needs beside Tomcat's own
	 * @throws ProblemException {@code overloaded} if there is no place
	 */
	public AsyncContext start(HttpServletRequest request, HttpServletResponse response, long bodyBytes) {
		if (request.getAttribute(ATTRIBUTE) == null) {
			int units = (int) Math.min(this.total, (BYTES_PER_REQUEST + bodyBytes) / UNIT);
			take(units, RequestDeadline.of(request));
			this.count.incrementAndGet();
			request.setAttribute(ATTRIBUTE, units);
		}
		AsyncContext async;
		try {
			async = request.startAsync(request, response);
		}
		catch (IllegalStateException ex) {
			leave(request);
			throw ex;
		}
		async.setTimeout(0);
		whenAnswered(async, () -> leave(request));
		return async;
	}

	/** Runs an action once the request of this context is answered. */
	public static void whenAnswered(AsyncContext async, Runnable action) {
		async.addListener(new WhenAnswered(action));
	}

	private void take(int units, RequestDeadline deadline) {
		if (this.free.tryAcquire(units)) {
			return;
		}
		if (!this.waitingThreads.tryAcquire()) {
			throw overloaded();
		}
		try {
			do {
				this.evictor.getAsBoolean();
				if (this.free.tryAcquire(units, LOOK.toMillis(), TimeUnit.MILLISECONDS)) {
					return;
				}
			}
			while (!deadline.left().isZero());
			throw overloaded();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw ProblemException.stopping(ex);
		}
		finally {
			this.waitingThreads.release();
		}
	}

	private void leave(HttpServletRequest request) {
		if (request.getAttribute(ATTRIBUTE) instanceof Integer units) {
			request.removeAttribute(ATTRIBUTE);
			this.count.decrementAndGet();
			this.free.release(units);
		}
	}

	private static ProblemException overloaded() {
		return new ProblemException(ErrorCode.OVERLOADED,
				"The service has no memory left for requests that wait (40 % of the heap, -Xmx). Send the request again.")
			.retryAfter(RETRY_AFTER);
	}

	/** Stays with a request through all its dispatches. */
	private record WhenAnswered(Runnable action) implements AsyncListener {

		@Override
		public void onComplete(AsyncEvent event) {
			this.action.run();
		}

		@Override
		public void onStartAsync(AsyncEvent event) {
			AsyncContext next = event.getAsyncContext();
			next.addListener(this);
		}

		@Override
		public void onError(@Nullable AsyncEvent event) {
			// Tomcat calls onComplete as well.
		}

		@Override
		public void onTimeout(@Nullable AsyncEvent event) {
			// There is no timeout.
		}

	}

}
