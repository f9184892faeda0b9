package io.metrology.access;

import java.io.IOException;
import java.time.Duration;
import java.util.List;

import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.http.server.ServerHttpResponse;
import org.springframework.web.cors.CorsConfiguration;
import org.springframework.web.cors.DefaultCorsProcessor;
import org.springframework.web.filter.CorsFilter;
import org.springframework.web.servlet.HandlerExceptionResolver;

/**
 * Lets pages of the origins that are configured use the API from a browser, with a key of
 * their own: no cookie or other thing that a browser sends by itself lets anybody in.
 */
class TrustedOrigins extends DefaultCorsProcessor {

	private static final List<String> METHODS = List.of("GET", "HEAD", "POST", "PATCH", "DELETE");

	private static final List<String> REQUEST_HEADERS = List.of("X-API-KEY", "Authorization", "Content-Type",
			"Content-Encoding", "If-None-Match", "X-Request-Id");

	private static final List<String> ANSWER_HEADERS = List.of("Chunk-Outcome", "Chunk-Hash", "ETag", "Retry-After",
			"X-Request-Id", "Content-Disposition", "Refusal-Id");

	private static final Duration MAX_AGE = Duration.ofHours(1);

	private final CorsConfiguration configuration = new CorsConfiguration();

	private final HandlerExceptionResolver problems;

	TrustedOrigins(List<String> origins, HandlerExceptionResolver problems) {
		this.problems = problems;
		this.configuration.setAllowedOrigins(origins);
		this.configuration.setAllowedMethods(METHODS);
		this.configuration.setAllowedHeaders(REQUEST_HEADERS);
		this.configuration.setExposedHeaders(ANSWER_HEADERS);
		this.configuration.setMaxAge(MAX_AGE);
	}

	/**
	 * Comes before keys are asked for: a browser's question whether it may ask has none.
	 */
	CorsFilter filter() {
		CorsFilter filter = new CorsFilter((request) -> this.configuration);
		filter.setCorsProcessor(this);
		return filter;
	}

	@Override
	public boolean processRequest(@Nullable CorsConfiguration configuration, HttpServletRequest request,
			HttpServletResponse response) throws IOException {
		if (super.processRequest(configuration, request, response)) {
			return true;
		}
		this.problems.resolveException(request, response, null, new ProblemException(ErrorCode.ORIGIN_NOT_ALLOWED,
				"Pages of this origin may not send such requests from a browser (metrology.access.cors-origins)."));
		return false;
	}

	/** The answer is written above, in the form of all errors. */
	@Override
	protected void rejectRequest(ServerHttpResponse response) {
	}

}
