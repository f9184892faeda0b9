package io.metrology.http.load;

import java.time.Duration;

import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.mock.web.MockAsyncContext;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;

import static org.assertj.core.api.Assertions.assertThat;

class AsyncRequestsTests {

	private static final long OWN_BYTES = 80 * 1024;

	private final AsyncRequests requests = new AsyncRequests(new SimpleMeterRegistry());

	@ParameterizedTest
	@ValueSource(longs = { 0, 64 * 1024 })
	void requestsAndTheirBodiesTakeAtMostTheirPartOfTheHeap(long bodyBytes) {
		long total = HeapParts.of(0.4);
		long begun = 0;
		while (start(bodyBytes) != null) {
			begun++;
			assertThat(begun * (OWN_BYTES + bodyBytes)).isLessThanOrEqualTo(total);
		}
		assertThat((begun + 1) * (OWN_BYTES + bodyBytes + 1024)).isGreaterThan(total);
	}

	@Test
	void answeredRequestFreesItsPlace() {
		MockAsyncContext answered = start(HeapParts.of(1));
		assertThat(answered).isNotNull();
		assertThat(start(0)).isNull();

		answered.complete();

		assertThat(start(0)).isNotNull();
	}

	private MockAsyncContext start(long bodyBytes) {
		MockHttpServletRequest request = new MockHttpServletRequest();
		request.setAsyncSupported(true);
		RequestDeadline.begin(request, System.nanoTime(), Duration.ZERO);
		try {
			return (MockAsyncContext) this.requests.start(request, new MockHttpServletResponse(), bodyBytes);
		}
		catch (ProblemException ex) {
			assertThat(ex.code()).isEqualTo(ErrorCode.OVERLOADED);
			return null;
		}
	}

}
