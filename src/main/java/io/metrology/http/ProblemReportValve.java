package io.metrology.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;

import jakarta.servlet.ServletException;
import org.apache.catalina.connector.ClientAbortException;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ErrorReportValve;
import org.apache.coyote.ActionCode;
import org.apache.coyote.http11.Http11InputBuffer;
import org.apache.tomcat.util.net.ApplicationBufferHandler;
import org.apache.tomcat.util.res.StringManager;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the errors that never reach Spring, those of Tomcat itself: a bad request line,
 * headers that are too large, a missing Host, a body that broke off. It also sees out
 * requests that were answered before their body was read, as refused ones are: it reads
 * what their clients are still sending, so that they get their answer and not a reset,
 * but for a bounded time and only so many at once, which Tomcat itself does not.
 */
class ProblemReportValve extends ErrorReportValve {

	private static final Logger log = LoggerFactory.getLogger(ProblemReportValve.class);

	/** As in {@code server.tomcat.max-swallow-size}. */
	private static final long MOST_DISCARDED = 256L * 1024 * 1024;

	/** Bytes of a body that a client may have sent before it saw its answer. */
	private static final long MOST_ARRIVED = 256L * 1024;

	/** The words of Tomcat's failure, in whatever language it speaks. */
	private static final String OVERSIZED = StringManager.getManager(Http11InputBuffer.class)
		.getString("iib.requestheadertoolarge.error");

	private final Problems problems;

	private final Duration bodyTimeout;

	private final Semaphore places;

	/**
	 * Makes the valve.
	 * @param bodyTimeout the longest time for which the rest of a refused body is awaited
	 * @param maxRefusedBodies the most that are awaited at the same time
	 */
	ProblemReportValve(Problems problems, Duration bodyTimeout, int maxRefusedBodies) {
		this.problems = problems;
		this.bodyTimeout = bodyTimeout;
		this.places = new Semaphore(maxRefusedBodies);
	}

	@Override
	public void invoke(Request request, Response response) throws IOException, ServletException {
		super.invoke(request, response);
		if (!request.isAsync() && !isRead(request.getCoyoteRequest())) {
			seeOut(request, response);
		}
	}

	@Override
	protected void report(Request request, Response response, @Nullable Throwable failure) {
		int status = response.getStatus();
		if (status < 400 || response.getContentWritten() > 0 || !response.setErrorReported()) {
			return;
		}
		ErrorCode code = code(status, request, failure);
		RequestIdFilter.assign(request, response);
		this.problems.log(request, code, detail(code, failure), failure);
		byte[] body = this.problems.body(request, code, detail(code, failure));
		try {
			response.setStatus(code.status());
			response.setContentType(Problems.MEDIA_TYPE);
			if (!RequestIdFilter.hasSeen(request)) {
				// Tomcat then ends the connection, but says so with some statuses only.
				response.setHeader("Connection", "close");
			}
			response.getOutputStream().write(body);
			response.finishResponse();
		}
		catch (IOException | IllegalStateException ex) {
			log.debug("The client left before its error was written", ex);
		}
	}

	private void seeOut(Request request, Response response) {
		try {
			response.finishResponse();
			// Who waits for 100 Continue has not sent it, and who stalled will not.
			// A body that is read without a thread was read as far as it goes.
			boolean comes = RequestIdFilter.hasSeen(request) && !request.getCoyoteRequest().hasExpectation()
					&& request.getCoyoteRequest().getReadListener() == null
					&& response.getStatus() != ErrorCode.REQUEST_TIMEOUT.status();
			if (!comes || !discard(request.getCoyoteRequest())) {
				request.getCoyoteRequest().action(ActionCode.DISABLE_SWALLOW_INPUT, null);
			}
		}
		catch (IOException | IllegalStateException ex) {
			log.debug("The client left while its request was refused", ex);
			request.getCoyoteRequest().action(ActionCode.DISABLE_SWALLOW_INPUT, null);
		}
	}

	/**
	 * Whether the body came to its end. What has arrived already costs no waiting, where
	 * the length is known; to await the rest takes a place, or the connection is closed.
	 */
	private boolean discard(org.apache.coyote.Request request) throws IOException {
		if (request.getContentLengthLong() >= 0 && discardArrived(request)) {
			return true;
		}
		if (!this.places.tryAcquire()) {
			return false;
		}
		try {
			return discardRest(request);
		}
		finally {
			this.places.release();
		}
	}

	private static boolean isRead(org.apache.coyote.Request request) {
		AtomicBoolean read = new AtomicBoolean();
		request.action(ActionCode.REQUEST_BODY_FULLY_READ, read);
		return read.get();
	}

	private static boolean hasArrived(org.apache.coyote.Request request) {
		request.action(ActionCode.AVAILABLE, true);
		return request.getAvailable() > 0;
	}

	private static boolean discardArrived(org.apache.coyote.Request request) throws IOException {
		Discarded buffer = new Discarded();
		boolean isRead = isRead(request);
		for (long discarded = 0; !isRead && discarded < MOST_ARRIVED && hasArrived(request); isRead = isRead(request)) {
			discarded += Math.max(0, request.doRead(buffer));
		}
		return isRead;
	}

	private boolean discardRest(org.apache.coyote.Request request) throws IOException {
		long deadline = System.nanoTime() + this.bodyTimeout.toNanos();
		Discarded buffer = new Discarded();
		long discarded = 0;
		int read;
		while ((read = request.doRead(buffer)) >= 0) {
			discarded += read;
			if (discarded > MOST_DISCARDED || System.nanoTime() > deadline) {
				return false;
			}
		}
		return true;
	}

	/** Tomcat answers several errors with 400, and only the failure tells them apart. */
	private static ErrorCode code(int status, Request request, @Nullable Throwable failure) {
		if (status == 400 && failure instanceof ClientAbortException) {
			return ErrorCode.BODY_INCOMPLETE;
		}
		boolean tooLarge = failure != null && OVERSIZED.equals(failure.getMessage());
		// The one state that a request cannot be in before it is read: having more
		// headers than may be counted.
		boolean tooMany = failure instanceof IllegalStateException && !RequestIdFilter.hasSeen(request);
		if (status != 400 || !(tooLarge || tooMany)) {
			return ErrorCode.ofStatus(status);
		}
		return (request.getRequestURI() == null) ? ErrorCode.URI_TOO_LONG : ErrorCode.HEADERS_TOO_LARGE;
	}

	private static String detail(ErrorCode code, @Nullable Throwable failure) {
		return switch (code) {
			case BODY_INCOMPLETE -> "The connection broke off before the body was complete. Send the request again.";
			case INVALID_REQUEST -> (failure instanceof IOException) ? "The body is not well-formed HTTP."
					: "The request line or a header is not well-formed HTTP; paths must escape characters such as \\, spaces and quotes.";
			case HEADERS_TOO_LARGE -> "The headers are larger (server.max-http-request-header-size), "
					+ "or more (metrology.http.max-headers), than the server reads.";
			case URI_TOO_LONG ->
				"The path and query are longer than the server reads (server.max-http-request-header-size).";
			case STOPPING -> "The service is stopping; send the request again once it is back.";
			case NOT_FOUND -> "Nothing is served under this path.";
			case REQUEST_TIMEOUT -> "The request stopped arriving; send it again.";
			case INTERNAL_ERROR -> "The service failed; its log has the cause under this request id.";
			default -> code.title() + ".";
		};
	}

	/** Takes Tomcat's own buffer and does not look at it. */
	private static final class Discarded implements ApplicationBufferHandler {

		private ByteBuffer buffer = ByteBuffer.allocate(0);

		@Override
		public void setByteBuffer(ByteBuffer buffer) {
			this.buffer = buffer;
		}

		@Override
		public ByteBuffer getByteBuffer() {
			return this.buffer;
		}

		@Override
		public void expand(int size) {
		}

	}

}
