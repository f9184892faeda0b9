package io.metrology.stream;

import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import org.jspecify.annotations.Nullable;

import org.springframework.stereotype.Component;

/**
 * The requests with data that this process holds, so that no stream is finalized over one
 * of them. A request is known once a thread takes it up; which stream it is for is known
 * once its body is read.
 */
@Component
public class StreamTraffic {

	private final Set<Request> requests = new LinkedHashSet<>();

	private final Map<UUID, Integer> byStream = new HashMap<>();

	private final Set<UUID> sealing = new LinkedHashSet<>();

	StreamTraffic(MeterRegistry registry) {
		Gauge.builder("metrology.ingest.requests.in.flight", this, StreamTraffic::count)
			.description("Requests with chunks that are being received, written or held")
			.register(registry);
	}

	/** Notes a request that begins; close it when it is answered. */
	public synchronized Request enter() {
		Request request = new Request();
		this.requests.add(request);
		return request;
	}

	private synchronized int count() {
		return this.requests.size();
	}

	/**
	 * Keeps requests for a stream waiting, once none of those that have begun is for it,
	 * until {@link #release}.
	 * @return whether that came to pass in time; if not, nothing is kept waiting
	 */
	synchronized boolean hold(UUID dataId, Duration atMost) throws InterruptedException {
		long deadline = System.nanoTime() + atMost.toNanos();
		while (this.byStream.containsKey(dataId) || this.sealing.contains(dataId)) {
			if (!waitUntil(deadline)) {
				return false;
			}
		}
		this.sealing.add(dataId);
		boolean alone = false;
		try {
			alone = awaitOthersRead(dataId, deadline);
		}
		finally {
			if (!alone) {
				release(dataId);
			}
		}
		return alone;
	}

	/**
	 * Waits until the requests that have begun and are not read yet turn out to be for
	 * other streams.
	 * @return false as soon as a request for this one is kept waiting
	 */
	private boolean awaitOthersRead(UUID dataId, long deadline) throws InterruptedException {
		List<Request> begun = List.copyOf(this.requests);
		while (begun.stream().anyMatch((request) -> request.dataId == null && this.requests.contains(request))) {
			if (isAwaitedFor(dataId) || !waitUntil(deadline)) {
				return false;
			}
		}
		return !isAwaitedFor(dataId);
	}

	private boolean isAwaitedFor(UUID dataId) {
		return this.requests.stream().anyMatch((request) -> dataId.equals(request.dataId));
	}

	/** Lets the requests that were kept waiting go on. */
	synchronized void release(UUID dataId) {
		this.sealing.remove(dataId);
		notifyAll();
	}

	private synchronized void attribute(Request request, UUID dataId) {
		request.dataId = dataId;
		notifyAll();
		boolean interrupted = false;
		while (this.sealing.contains(dataId)) {
			try {
				wait();
			}
			catch (InterruptedException ex) {
				interrupted = true;
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
		this.byStream.merge(dataId, 1, Integer::sum);
	}

	private synchronized void leave(Request request) {
		this.requests.remove(request);
		if (request.dataId != null) {
			this.byStream.computeIfPresent(request.dataId, (dataId, count) -> (count > 1) ? count - 1 : null);
		}
		notifyAll();
	}

	private boolean waitUntil(long deadline) throws InterruptedException {
		long left = (deadline - System.nanoTime()) / 1_000_000;
		if (left <= 0) {
			return false;
		}
		wait(left);
		return true;
	}

	/** A request with data. */
	public final class Request implements AutoCloseable {

		private @Nullable UUID dataId;

		private Request() {
		}

		/**
		 * Says which stream the request is for. If that stream is being finalized at this
		 * moment, waits until that is done.
		 */
		public void isFor(UUID dataId) {
			attribute(this, dataId);
		}

		/** The request is answered. */
		@Override
		public void close() {
			leave(this);
		}

	}

}
