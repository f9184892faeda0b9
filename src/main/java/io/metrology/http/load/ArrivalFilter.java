package io.metrology.http.load;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;

import io.metrology.http.ErrorCode;
import io.metrology.http.HttpProperties;
import io.metrology.http.ProblemException;
import io.metrology.http.Problems;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

import org.springframework.boot.actuate.autoconfigure.endpoint.web.WebEndpointProperties;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.stereotype.Component;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Gives each request its deadline, and refuses a request that waited for a thread until
 * then. Requests that no client repeats are never refused for having waited: initialize,
 * finalize, and the reads that belong to them.
 */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE + 2)
class ArrivalFilter extends OncePerRequestFilter {

	private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

	/** The time that a request without a limit for waiting has after it got a thread. */
	private static final Duration MIN_LEFT = Duration.ofSeconds(5);

	private static final Pattern UUID_PATH = Pattern
		.compile("/(metrology|tool-state)/stream/[0-9a-fA-F-]{36}(/finalize)?/?");

	private static final List<String> INITIALIZE = List.of("/metrology/stream/initialize",
			"/tool-state/stream/initialize", "/physical_samples", "/data_entries/physical_sample", "/projects", "/tags",
			"/instruments/synthesis");

	private final HttpProperties properties;

	private final Connections connections;

	private final Problems problems;

	private final String operatorPath;

	ArrivalFilter(HttpProperties properties, Connections connections, Problems problems,
			WebEndpointProperties endpoints) {
		this.properties = properties;
		this.connections = connections;
		this.problems = problems;
		this.operatorPath = endpoints.getBasePath() + "/";
	}

	@Override
	protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
			throws ServletException, IOException {
		try {
			if (this.connections.areCrowded()) {
				response.setHeader(HttpHeaders.CONNECTION, "close");
			}
			admit(request);
		}
		catch (ProblemException ex) {
			this.problems.write(request, response, ex);
			return;
		}
		try {
			chain.doFilter(request, response);
		}
		finally {
			WorkerPool.processed();
		}
	}

	private void admit(HttpServletRequest request) {
		boolean isForOperators = request.getServletPath().startsWith(this.operatorPath);
		if (isForOperators) {
			requireNoBody(request);
		}
		else if (request.getLocalPort() == this.properties.operatorPort()) {
			throw new ProblemException(ErrorCode.NOT_FOUND,
					"This port serves only " + this.operatorPath + "health and " + this.operatorPath + "prometheus.");
		}
		RequestDeadline deadline = RequestDeadline.begin(request, WorkerPool.arrivedAt(), this.properties.maxWait());
		if (isForOperators || isNeverRepeated(request)) {
			deadline.leaveAtLeast(MIN_LEFT);
		}
		else if (deadline.left().isZero()) {
			throw new ProblemException(ErrorCode.OVERLOADED, "The service is too busy: the request waited for "
					+ this.properties.maxWait().toSeconds() + " s (metrology.http.max-wait). Send it again.")
				.retryAfter(RETRY_AFTER);
		}
	}

	private static boolean isNeverRepeated(HttpServletRequest request) {
		String path = request.getServletPath();
		return INITIALIZE.stream().anyMatch(path::startsWith)
				|| (UUID_PATH.matcher(path).matches() && !HttpMethod.DELETE.matches(request.getMethod()));
	}

	/** Spring would read the body into memory, whatever its length. */
	private static void requireNoBody(HttpServletRequest request) {
		if (request.getContentLengthLong() > 0 || request.getHeader(HttpHeaders.TRANSFER_ENCODING) != null) {
			throw new ProblemException(ErrorCode.INVALID_REQUEST, "This path takes no body.");
		}
	}

}
