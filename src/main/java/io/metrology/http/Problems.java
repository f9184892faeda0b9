package io.metrology.http;

import java.io.IOException;
import java.time.Duration;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.stereotype.Component;

/**
 * Builds the body of every error answer, {@code application/problem+json} (RFC 9457), and
 * counts them by code. Nothing else in the service builds one.
 */
@Component
public class Problems {

	private static final Logger log = LoggerFactory.getLogger(Problems.class);

	static final String MEDIA_TYPE = "application/problem+json";

	private static final Duration LOG_PERIOD = Duration.ofSeconds(1);

	private final JsonMapper json = JsonMapper.builder().build();

	private final Map<ErrorCode, Counter> counters = new EnumMap<>(ErrorCode.class);

	private final Map<ErrorCode, Throttle> throttles = new EnumMap<>(ErrorCode.class);

	Problems(MeterRegistry registry) {
		for (ErrorCode code : ErrorCode.values()) {
			this.counters.put(code,
					Counter.builder("metrology.http.problems")
						.description("Requests answered with an error, by code of the catalogue")
						.tag("code", code.code())
						.register(registry));
			this.throttles.put(code, new Throttle(LOG_PERIOD));
		}
	}

	/**
	 * Writes the log's one line on an error that the service is to blame for; those of
	 * clients are told to the clients, and that a client speaks another HTTP is no fault
	 * of the service, though its status says so. The stack trace stands there only where
	 * nobody foresaw the failure. Of refusals that may come by the thousand, one a second
	 * is logged for each code; the metrics count them all.
	 */
	void log(HttpServletRequest request, ErrorCode code, String detail, @Nullable Throwable failure) {
		if (code == ErrorCode.INTERNAL_ERROR) {
			log.error("{} {} {}", code.code(), request.getMethod(), request.getRequestURI(), failure);
		}
		else if (code.status() >= 500 && code.retryable()) {
			logThrottled(request, code, detail, failure);
		}
	}

	private void logThrottled(HttpServletRequest request, ErrorCode code, String detail, @Nullable Throwable failure) {
		Throttle throttle = this.throttles.get(code);
		int leftOut = (throttle != null) ? throttle.pass() : 0;
		if (leftOut >= 0) {
			log.warn("{} {} {}: {} {}{}", code.code(), request.getMethod(), request.getRequestURI(), detail,
					(failure != null) ? Fault.printable(failure.toString()) : "",
					(leftOut > 0) ? " (and " + leftOut + " more since the last such line)" : "");
		}
	}

	/** Answers with an error where Spring has not come into play yet, as in a filter. */
	public void write(HttpServletRequest request, HttpServletResponse response, ProblemException problem)
			throws IOException {
		log(request, problem.code(), problem.detail(), problem.getCause());
		byte[] body = body(request, problem);
		response.setStatus(problem.code().status());
		problem.headers().forEach((name, values) -> values.forEach((value) -> response.addHeader(name, value)));
		response.setContentType(MEDIA_TYPE);
		response.setContentLength(body.length);
		response.getOutputStream().write(body);
	}

	byte[] body(@Nullable HttpServletRequest request, ErrorCode code, String detail) {
		return body(request, code, detail, List.of(), false);
	}

	byte[] body(@Nullable HttpServletRequest request, ProblemException problem) {
		return body(request, problem.code(), problem.detail(), problem.faults(), problem.outcomeUnknown());
	}

	private byte[] body(@Nullable HttpServletRequest request, ErrorCode code, String detail, List<Fault> faults,
			boolean outcomeUnknown) {
		count(code);
		if (request != null) {
			new SentProblem(code, Fault.printable(detail)).keep(request);
		}
		String path = (request != null) ? request.getRequestURI() : null;
		Map<String, @Nullable Object> body = new LinkedHashMap<>();
		body.put("type", "urn:metrology-ingest:error:" + code.code());
		body.put("title", code.title());
		body.put("status", code.status());
		body.put("detail", Fault.printable(detail));
		if (path != null) {
			body.put("instance", path);
		}
		body.put("code", code.code());
		if (isIngest(path)) {
			body.put("stored", outcomeUnknown ? null : Boolean.FALSE);
		}
		body.put("retryable", code.retryable());
		if (request != null && request.getAttribute(RequestIdFilter.ATTRIBUTE) instanceof String id) {
			body.put("request_id", id);
		}
		if (!faults.isEmpty()) {
			body.put("errors", faults);
		}
		return this.json.writeValueAsBytes(body);
	}

	private void count(ErrorCode code) {
		Counter counter = this.counters.get(code);
		if (counter != null) {
			counter.increment();
		}
	}

	/**
	 * A request that Tomcat could not even parse may have been a chunk, so it counts as
	 * one.
	 */
	private static boolean isIngest(@Nullable String path) {
		return path == null || path.contains("/stream/chunk") || path.contains("/resend");
	}

}
