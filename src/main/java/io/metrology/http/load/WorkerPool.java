package io.metrology.http.load;

import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import org.apache.tomcat.util.threads.TaskQueue;
import org.apache.tomcat.util.threads.TaskThreadFactory;
import org.apache.tomcat.util.threads.ThreadPoolExecutor;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.tomcat.autoconfigure.TomcatServerProperties;
import org.springframework.stereotype.Component;

/**
 * The threads that process requests, and the queue of the requests that wait for one. A
 * request gets a thread in the order of arrival. A waiting request uses no thread and no
 * memory except its connection's.
 */
@Component
public class WorkerPool implements Executor, WaitingRequests, DisposableBean {

	private static final int IDLE_SECONDS = 60;

	/** When the work of the current thread arrived, by {@link System#nanoTime}. */
	private static final ThreadLocal<Long> ARRIVED_AT = new ThreadLocal<>();

	private final ThreadPoolExecutor threads;

	WorkerPool(TomcatServerProperties tomcat, MeterRegistry registry) {
		TaskQueue queue = new TaskQueue();
		int max = tomcat.getThreads().getMax();
		this.threads = new ThreadPoolExecutor(Math.min(tomcat.getThreads().getMinSpare(), max), max, IDLE_SECONDS,
				TimeUnit.SECONDS, queue, new TaskThreadFactory("http-", true, Thread.NORM_PRIORITY));
		queue.setParent(this.threads);
		Gauge.builder("metrology.http.threads.busy", this.threads, ThreadPoolExecutor::getActiveCount)
			.baseUnit("threads")
			.description("Threads that process requests now")
			.register(registry);
		Gauge.builder("metrology.http.threads.fill", this.threads, (pool) -> pool.getActiveCount() / (double) max)
			.baseUnit("ratio")
			.description("Busy threads divided by server.tomcat.threads.max")
			.register(registry);
		Gauge.builder("metrology.http.waiting", queue, TaskQueue::size)
			.baseUnit("requests")
			.description("Requests that wait for a thread")
			.register(registry);
		TimeGauge.builder("metrology.http.waiting.longest", this::longestWait, TimeUnit.SECONDS)
			.description("Time for which the oldest waiting request has waited for a thread")
			.register(registry);
	}

	@Override
	public void execute(Runnable work) {
		this.threads.execute(new Arrived(work, System.nanoTime()));
	}

	@Override
	public OptionalLong oldestArrival(Duration wait) {
		long notBefore = System.nanoTime() - wait.toNanos();
		for (Runnable work : this.threads.getQueue()) {
			if (work instanceof Arrived arrived && arrived.at() - notBefore >= 0) {
				return OptionalLong.of(arrived.at());
			}
		}
		return OptionalLong.empty();
	}

	private double longestWait() {
		OptionalLong oldest = oldestArrival();
		return oldest.isPresent() ? Duration.ofNanos(System.nanoTime() - oldest.getAsLong()).toMillis() / 1000.0 : 0;
	}

	/** Returns when the request of the current thread arrived. */
	static long arrivedAt() {
		Long arrivedAt = ARRIVED_AT.get();
		return (arrivedAt != null) ? arrivedAt : System.nanoTime();
	}

	/**
	 * Notes that the current thread has processed a request. The next request of the same
	 * connection arrived after that.
	 */
	static void processed() {
		if (ARRIVED_AT.get() != null) {
			ARRIVED_AT.set(System.nanoTime());
		}
	}

	@Override
	public void destroy() {
		this.threads.shutdownNow();
	}

	/**
	 * Work that waits for a thread.
	 *
	 * @param work what Tomcat has to do for a connection
	 * @param at when its data arrived, by {@link System#nanoTime}
	 */
	private record Arrived(Runnable work, long at) implements Runnable {

		@Override
		public void run() {
			ARRIVED_AT.set(this.at);
			try {
				this.work.run();
			}
			finally {
				ARRIVED_AT.remove();
			}
		}

	}

}
