package io.metrology.http;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

import org.springframework.boot.actuate.autoconfigure.endpoint.web.WebEndpointProperties;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
import org.springframework.stereotype.Component;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Admits so many requests at a time, fewer than the server has threads, so that health
 * and metrics are answered while all the rest wait. Beyond them some wait for a moment,
 * as clients give up sooner than they are told to, and others are refused at once.
 */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE + 2)
class AdmissionFilter extends OncePerRequestFilter {

	private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

	private final AdmissionProperties properties;

	private final Semaphore places;

	private final Semaphore waitingPlaces;

	private final BodyMemory memory;

	private final Hold hold;

	private final Problems problems;

	private final String exempt;

	AdmissionFilter(AdmissionProperties properties, BodyMemory memory, Hold hold, Problems problems,
			WebEndpointProperties endpoints, MeterRegistry registry) {
		this.properties = properties;
		this.places = new Semaphore(properties.maxRequests(), true);
		this.waitingPlaces = new Semaphore(properties.maxWaiting());
		this.memory = memory;
		this.hold = hold;
		this.problems = problems;
		this.exempt = endpoints.getBasePath() + "/";
		Gauge.builder("metrology.http.admitted", () -> properties.maxRequests() - this.places.availablePermits())
			.baseUnit("requests")
			.description("Requests being handled, but for health and metrics")
			.register(registry);
		Gauge
			.builder("metrology.http.admitted.fill",
					() -> 1 - (double) this.places.availablePermits() / properties.maxRequests())
			.baseUnit("ratio")
			.description("The part that is taken of the requests that may be handled at the same time")
			.register(registry);
		Gauge.builder("metrology.http.waiting", () -> properties.maxWaiting() - this.waitingPlaces.availablePermits())
			.baseUnit("requests")
			.description("Requests that wait to be handled")
			.register(registry);
	}

	@Override
	protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
			throws ServletException, IOException {
		boolean exempt = isExempt(request);
		try {
			if (exempt) {
				requireNoBody(request);
			}
			else {
				admit();
			}
		}
		catch (ProblemException ex) {
			this.problems.write(request, response, ex);
			return;
		}
		if (exempt) {
			chain.doFilter(request, response);
			return;
		}
		try {
			chain.doFilter(request, response);
		}
		finally {
			this.memory.release(request);
			this.places.release();
		}
	}

	/** By the path that Tomcat has normalized. */
	private boolean isExempt(HttpServletRequest request) {
		return request.getServletPath().startsWith(this.exempt);
	}

	/** Spring would read it into memory, whatever its length. */
	private static void requireNoBody(HttpServletRequest request) {
		if (request.getContentLengthLong() > 0 || request.getHeader(HttpHeaders.TRANSFER_ENCODING) != null) {
			throw new ProblemException(ErrorCode.INVALID_REQUEST, "This path takes no body.");
		}
	}

	private void admit() {
		try {
			// With a time, though none: otherwise it would pass those who wait.
			if (!this.places.tryAcquire(0, TimeUnit.SECONDS) && !awaitPlace()) {
				throw new ProblemException(ErrorCode.OVERLOADED,
						"The service is handling " + this.properties.maxRequests()
								+ " requests already (metrology.http.admission.max-requests); send this one again.")
					.retryAfter(RETRY_AFTER);
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw ProblemException.stopping(ex);
		}
	}

	private boolean awaitPlace() throws InterruptedException {
		if (!this.waitingPlaces.tryAcquire()) {
			return false;
		}
		try {
			return this.hold.acquire(this.places, 1, this.properties.maxWait());
		}
		finally {
			this.waitingPlaces.release();
		}
	}

}
