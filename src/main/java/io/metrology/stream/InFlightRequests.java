package io.metrology.stream;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

import io.metrology.http.load.ReceivedBody;
import io.metrology.http.load.RequestDeadline;
import io.metrology.http.load.WaitingRequests;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.stereotype.Component;

/**
 * The chunk requests of this instance that have started and have no answer yet. No stream
 * is finalized while an earlier request for it is in flight. A chunk pays for one entry
 * in a concurrent set. Whoever finalizes asks for a {@link Snapshot}.
 */
@Component
public class InFlightRequests {

	/** How long a request without a known stream counts after its last byte. */
	static final Duration MAX_SILENCE = Duration.ofSeconds(3);

	/** How long a request without a known stream counts after its arrival. */
	static final Duration MAX_UNKNOWN = Duration.ofSeconds(10);

	private static final String ATTRIBUTE = InFlightRequests.class.getName();

	private static final int MAX_FIRST_BYTES = 4096;

	private static final int MAX_COMPLETE_BYTES = 64 * 1024;

	private final Set<Request> requests = ConcurrentHashMap.newKeySet();

	private final WaitingRequests waiting;

	InFlightRequests(WaitingRequests waiting, MeterRegistry registry) {
		this.waiting = waiting;
		Gauge.builder("metrology.ingest.requests.in.flight", this.requests, Set::size)
			.description("Chunk requests that have started and have no answer yet")
			.register(registry);
	}

	/**
	 * Notes which stream a request is for, once its body was read. Does nothing if the
	 * request did not pass {@link InFlightFilter}.
	 */
	public static void isFor(HttpServletRequest http, UUID dataId) {
		if (http.getAttribute(ATTRIBUTE) instanceof Request request) {
			request.dataId = dataId;
		}
	}

	/** Registers a request that starts. */
	Request enter(HttpServletRequest http) {
		Request request = new Request(http, RequestDeadline.of(http).arrivedAt(), System.nanoTime());
		http.setAttribute(ATTRIBUTE, request);
		this.requests.add(request);
		return request;
	}

	/**
	 * Returns the requests in flight at this moment. The queue is read first, so that a
	 * request which gets its thread meanwhile appears at least once.
	 */
	Snapshot snapshot() {
		long now = System.nanoTime();
		Snapshot snapshot = new Snapshot(now, this.waiting.oldestArrival(MAX_UNKNOWN));
		this.requests.forEach((request) -> request.addTo(snapshot));
		return snapshot;
	}

	/** A chunk request in flight. */
	final class Request {

		private final HttpServletRequest http;

		private final long arrivedAt;

		private final long startedAt;

		/** The stream that the parsed body names. */
		private volatile @Nullable UUID dataId;

		/** The stream that the received part of the body names. */
		private volatile @Nullable UUID shownDataId;

		private volatile int bytesSeen;

		private Request(HttpServletRequest http, long arrivedAt, long startedAt) {
			this.http = http;
			this.arrivedAt = arrivedAt;
			this.startedAt = startedAt;
		}

		/** Removes the request, because it is answered. */
		void leave() {
			InFlightRequests.this.requests.remove(this);
		}

		private void addTo(Snapshot snapshot) {
			UUID parsed = this.dataId;
			ReceivedBody body = (parsed != null) ? null : body();
			UUID known = (parsed != null) ? parsed : shownDataId(body);
			if (known == null) {
				if (isWithinLimits(snapshot.takenAt, body)) {
					snapshot.oldestUnknown = earlier(snapshot.oldestUnknown, this.arrivedAt);
				}
				return;
			}
			snapshot.oldestByStream.merge(known, this.arrivedAt, InFlightRequests::earlier);
			if (parsed != null) {
				snapshot.parsed.add(parsed);
			}
		}

		/** The filter that receives the body comes later, possibly in another thread. */
		private @Nullable ReceivedBody body() {
			try {
				return ReceivedBody.of(this.http);
			}
			catch (IllegalStateException ex) {
				// The request was answered a moment ago.
				return null;
			}
		}

		/**
		 * Looks into the received part of the body again if it has grown. A gzip body
		 * shows its stream when it is complete.
		 */
		private @Nullable UUID shownDataId(@Nullable ReceivedBody body) {
			if (this.shownDataId == null && body != null) {
				byte[] first = body.first(body.isComplete() ? MAX_COMPLETE_BYTES : MAX_FIRST_BYTES);
				if (first.length > this.bytesSeen) {
					this.bytesSeen = first.length;
					this.shownDataId = ShownDataId.in(first);
				}
			}
			return this.shownDataId;
		}

		/** The last byte of a body that is not received yet counts as of the start. */
		private boolean isWithinLimits(long now, @Nullable ReceivedBody body) {
			long lastByteAt = (body != null) ? body.lastByteAt() : this.startedAt;
			return now - lastByteAt < MAX_SILENCE.toNanos() && now - this.arrivedAt < MAX_UNKNOWN.toNanos();
		}

	}

	private static long earlier(long one, long other) {
		return (one - other <= 0) ? one : other;
	}

	private static OptionalLong earlier(OptionalLong one, long other) {
		return OptionalLong.of(one.isPresent() ? earlier(one.getAsLong(), other) : other);
	}

	/** The arrival times of the oldest requests in flight, by {@link System#nanoTime}. */
	static final class Snapshot {

		private final long takenAt;

		private final OptionalLong oldestWaiting;

		private final Map<UUID, Long> oldestByStream = new HashMap<>();

		private final Set<UUID> parsed = new HashSet<>();

		private OptionalLong oldestUnknown = OptionalLong.empty();

		Snapshot(long takenAt, OptionalLong oldestWaiting) {
			this.takenAt = takenAt;
			this.oldestWaiting = oldestWaiting;
			addWaiting(oldestWaiting);
		}

		/** Counts a request without a thread, whose stream is unknown. */
		void addWaiting(OptionalLong arrivedAt) {
			if (arrivedAt.isPresent() && this.takenAt - arrivedAt.getAsLong() < MAX_UNKNOWN.toNanos()) {
				this.oldestUnknown = earlier(this.oldestUnknown, arrivedAt.getAsLong());
			}
		}

		/** Returns whether a request for the stream, or for an unknown one, is older. */
		boolean hasOlder(UUID dataId, long arrivedAt) {
			Long oldest = this.oldestByStream.get(dataId);
			return (oldest != null && oldest - arrivedAt <= 0)
					|| (this.oldestUnknown.isPresent() && this.oldestUnknown.getAsLong() - arrivedAt <= 0);
		}

		/** Returns whether a complete chunk of the stream waits to be stored. */
		boolean hasComplete(UUID dataId) {
			return this.parsed.contains(dataId);
		}

		long takenAt() {
			return this.takenAt;
		}

		/** Returns the arrival of the oldest request without a thread. */
		OptionalLong oldestWaiting() {
			return this.oldestWaiting;
		}

		/** Returns the arrival of the oldest request without a known stream. */
		OptionalLong oldestUnknown() {
			return this.oldestUnknown;
		}

		Map<UUID, Long> oldestByStream() {
			return this.oldestByStream;
		}

	}

}
