package io.metrology.refusals;

import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;

import io.metrology.http.Caller;
import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import io.metrology.http.SentProblem;
import io.metrology.http.load.ReceivedBody;
import io.metrology.http.load.RequestDeadline;
import io.metrology.ingest.ChunkResend.Form;
import io.metrology.refusals.RefusedRequest.Reason;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.core.MethodParameter;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.converter.ByteArrayHttpMessageConverter;
import org.springframework.http.converter.HttpMessageConverter;
import org.springframework.http.server.ServerHttpRequest;
import org.springframework.http.server.ServerHttpResponse;
import org.springframework.http.server.ServletServerHttpRequest;
import org.springframework.http.server.ServletServerHttpResponse;
import org.springframework.web.bind.annotation.ControllerAdvice;
import org.springframework.web.servlet.mvc.method.annotation.ResponseBodyAdvice;

/**
 * Records refused chunks before the error is written, so that the answer can name the
 * record. An answer to a stored chunk does not pass here.
 */
@ControllerAdvice
class RefusalAdvice implements ResponseBodyAdvice<Object> {

	private static final Logger log = LoggerFactory.getLogger(RefusalAdvice.class);

	private static final String HEADER = "Refusal-Id";

	private static final Pattern PATH = Pattern.compile("/(metrology|tool-state)/stream/chunk(/multi)?/?");

	/** A flag that is not false was meant to be set. */
	private static final Pattern VALIDATE_ONLY = Pattern.compile("(^|&)validate_only(?!=(?i:false)(&|$))(=|&|$)");

	/** The statuses of requests that hold no refused measurements, or are not whole. */
	private static final Set<Integer> UNRECORDED_STATUSES = Set.of(401, 403, 408, 410, 429);

	private static final int MAX_DETAIL = 1000;

	private static final int MAX_TEXT = 255;

	private final RefusalRecorder recorder;

	RefusalAdvice(RefusalRecorder recorder) {
		this.recorder = recorder;
	}

	@Override
	public boolean supports(MethodParameter returnType, Class<? extends HttpMessageConverter<?>> converterType) {
		return ByteArrayHttpMessageConverter.class.isAssignableFrom(converterType);
	}

	@Override
	public @Nullable Object beforeBodyWrite(@Nullable Object body, MethodParameter returnType, MediaType type,
			Class<? extends HttpMessageConverter<?>> converterType, ServerHttpRequest request,
			ServerHttpResponse response) {
		if (request instanceof ServletServerHttpRequest sent && response instanceof ServletServerHttpResponse answer) {
			UUID id = record(sent.getServletRequest(), answer.getServletResponse());
			if (id != null) {
				response.getHeaders().set(HEADER, id.toString());
			}
		}
		return body;
	}

	private @Nullable UUID record(HttpServletRequest request, HttpServletResponse response) {
		SentProblem problem = SentProblem.of(request);
		if (problem == null || !isRecorded(problem.code()) || !isChunk(request)) {
			return null;
		}
		ReceivedBody body = ReceivedBody.of(request);
		if (body == null || !body.isComplete()) {
			return null;
		}
		try {
			return this.recorder.record(head(request, response, problem), body.bytes());
		}
		catch (ProblemException ex) {
			// The body was refused for its length, whatever the answer says.
			return null;
		}
		catch (RuntimeException ex) {
			// The refusal itself is answered in any case.
			log.error("A refused chunk could not be recorded", ex);
			return null;
		}
	}

	private static boolean isRecorded(ErrorCode code) {
		return code.status() >= 400 && code.status() < 500 && !UNRECORDED_STATUSES.contains(code.status())
				&& code != ErrorCode.BODY_TOO_LARGE;
	}

	private static boolean isChunk(HttpServletRequest request) {
		String query = request.getQueryString();
		return request.getMethod().equals("POST") && PATH.matcher(request.getRequestURI()).matches()
				&& (query == null || !VALIDATE_ONLY.matcher(query).find());
	}

	private static RefusalRecorder.Head head(HttpServletRequest request, HttpServletResponse response,
			SentProblem problem) {
		String path = request.getRequestURI();
		Form form = path.contains("/multi") ? Form.MULTI : Form.CHUNK;
		Reason reason = new Reason(problem.code(), start(problem.detail(), MAX_DETAIL), Caller.of(request).keyId(),
				response.getHeader("X-Request-Id"), RequestDeadline.of(request).arrivedAt());
		return new RefusalRecorder.Head(form, reason, path, text(request.getQueryString()),
				text(request.getContentType()), text(request.getHeader(HttpHeaders.CONTENT_ENCODING)));
	}

	/** A short text that PostgreSQL can store. */
	private static @Nullable String text(@Nullable String sent) {
		return (sent != null) ? start(sent.replaceAll("[\\p{Cntrl}\\p{Cs}]", "\uFFFD"), MAX_TEXT) : null;
	}

	private static String start(String text, int max) {
		if (text.length() <= max) {
			return text;
		}
		int end = Character.isHighSurrogate(text.charAt(max - 2)) ? max - 2 : max - 1;
		return text.substring(0, end) + "…";
	}

}
