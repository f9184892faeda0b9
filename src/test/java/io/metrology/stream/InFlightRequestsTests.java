package io.metrology.stream;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.OptionalLong;
import java.util.UUID;

import io.metrology.stream.InFlightRequests.Request;
import io.metrology.stream.InFlightRequests.Snapshot;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.junit.jupiter.api.Test;

import org.springframework.mock.web.MockHttpServletRequest;

import static org.assertj.core.api.Assertions.assertThat;

/** Only requests that arrived earlier are in the way of a finalize request. */
class InFlightRequestsTests {

	private static final UUID STREAM = UUID.randomUUID();

	private static final UUID OTHER = UUID.randomUUID();

	private OptionalLong waiting = OptionalLong.empty();

	private final InFlightRequests requests = new InFlightRequests((wait) -> this.waiting, new SimpleMeterRegistry());

	private final long before = System.nanoTime() - 1;

	@Test
	void requestWithoutAKnownStreamCountsForEveryStream() {
		this.requests.enter(new MockHttpServletRequest());
		long after = System.nanoTime();

		Snapshot snapshot = this.requests.snapshot();

		assertThat(snapshot.hasOlder(STREAM, after)).isTrue();
		assertThat(snapshot.hasOlder(STREAM, this.before)).isFalse();
		assertThat(snapshot.hasComplete(STREAM)).isFalse();
	}

	@Test
	void requestWithAKnownStreamCountsForThatStreamOnly() {
		MockHttpServletRequest http = new MockHttpServletRequest();
		this.requests.enter(http);
		InFlightRequests.isFor(http, STREAM);
		long after = System.nanoTime();

		Snapshot snapshot = this.requests.snapshot();

		assertThat(snapshot.hasOlder(STREAM, after)).isTrue();
		assertThat(snapshot.hasOlder(STREAM, this.before)).isFalse();
		assertThat(snapshot.hasOlder(OTHER, after)).isFalse();
		assertThat(snapshot.hasComplete(STREAM)).isTrue();
		assertThat(snapshot.hasComplete(OTHER)).isFalse();
	}

	@Test
	void oldestOfSeveralRequestsCounts() {
		MockHttpServletRequest first = new MockHttpServletRequest();
		this.requests.enter(first);
		long between = System.nanoTime();
		MockHttpServletRequest second = new MockHttpServletRequest();
		this.requests.enter(second);
		InFlightRequests.isFor(second, STREAM);
		InFlightRequests.isFor(first, STREAM);

		assertThat(this.requests.snapshot().hasOlder(STREAM, between)).isTrue();
	}

	@Test
	void answeredRequestDoesNotCount() {
		Request request = this.requests.enter(new MockHttpServletRequest());

		request.leave();

		assertThat(this.requests.snapshot().hasOlder(STREAM, System.nanoTime())).isFalse();
	}

	@Test
	void waitingRequestCountsForTenSeconds() {
		long now = System.nanoTime();
		this.waiting = OptionalLong.of(now - Duration.ofSeconds(9).toNanos());
		assertThat(this.requests.snapshot().hasOlder(STREAM, now)).isTrue();

		this.waiting = OptionalLong.of(now - Duration.ofSeconds(10).toNanos());
		assertThat(this.requests.snapshot().hasOlder(STREAM, now)).isFalse();
	}

	@Test
	void reportIsClearOnlyIfItIsNewerAndNamesNoOlderRequest() {
		Instant arrival = Instant.parse("2026-11-27T12:00:00Z");
		Instant later = arrival.plusMillis(1);

		assertThat(report(later, null, Map.of()).isClear(STREAM, arrival)).isTrue();
		assertThat(report(later, later, Map.of(STREAM, later)).isClear(STREAM, arrival)).isTrue();
		assertThat(report(later, null, Map.of(OTHER, arrival)).isClear(STREAM, arrival)).isTrue();
		assertThat(report(arrival, null, Map.of()).isClear(STREAM, arrival)).isFalse();
		assertThat(report(later, arrival, Map.of()).isClear(STREAM, arrival)).isFalse();
		assertThat(report(later, null, Map.of(STREAM, arrival)).isClear(STREAM, arrival)).isFalse();
	}

	/** The clock was read at some time between 1000 and 3000 ns. */
	@Test
	void convertedTimesAreBounds() {
		Instant time = Instant.parse("2026-11-27T12:00:00Z");
		DatabaseClock clock = new DatabaseClock(time, 1000, 3000);

		assertThat(clock.earliest(3000)).isEqualTo(time);
		assertThat(clock.latest(1000)).isEqualTo(time);
		assertThat(clock.earliest(500)).isEqualTo(time.minusNanos(2500));
		assertThat(clock.latest(500)).isEqualTo(time.minusNanos(500));
	}

	private static InstanceReport report(Instant asOf, Instant oldestUnknown, Map<UUID, Instant> oldestByStream) {
		return new InstanceReport(UUID.randomUUID(), asOf, oldestUnknown, oldestByStream);
	}

}
