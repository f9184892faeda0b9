package io.metrology.http;

import java.io.IOException;

import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ErrorReportValve;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the errors that never reach Spring, those of Tomcat itself: a bad request line,
 * headers that are too large, a missing Host.
 */
class ProblemReportValve extends ErrorReportValve {

	private static final Logger log = LoggerFactory.getLogger(ProblemReportValve.class);

	private final Problems problems;

	ProblemReportValve(Problems problems) {
		this.problems = problems;
	}

	@Override
	protected void report(Request request, Response response, @Nullable Throwable failure) {
		int status = response.getStatus();
		if (status < 400 || response.getContentWritten() > 0 || !response.setErrorReported()) {
			return;
		}
		ErrorCode code = code(status, response.getMessage());
		RequestIdFilter.assign(request, response);
		if (failure != null) {
			log.error("{} {} {}", code.code(), request.getMethod(), request.getRequestURI(), failure);
		}
		byte[] body = this.problems.body(request, code, detail(code));
		try {
			response.setStatus(code.status());
			response.setContentType(Problems.MEDIA_TYPE);
			response.getOutputStream().write(body);
			response.finishResponse();
		}
		catch (IOException | IllegalStateException ex) {
			log.debug("The client left before its error was written", ex);
		}
	}

	/** Tomcat answers an oversized header with 400; its message tells it apart. */
	private static ErrorCode code(int status, @Nullable String message) {
		return (status == 400 && message != null && message.contains("header")) ? ErrorCode.HEADERS_TOO_LARGE
				: ErrorCode.ofStatus(status);
	}

	private static String detail(ErrorCode code) {
		return switch (code) {
			case INVALID_REQUEST ->
				"The request line or a header is not well-formed HTTP; paths must escape characters such as \\, spaces and quotes.";
			case HEADERS_TOO_LARGE -> "The request line and headers together are larger than the server reads.";
			case NOT_FOUND -> "Nothing is served under this path.";
			case INTERNAL_ERROR -> "The service failed; its log has the cause under this request id.";
			default -> code.title() + ".";
		};
	}

}
