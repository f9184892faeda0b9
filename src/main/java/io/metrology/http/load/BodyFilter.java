package io.metrology.http.load;

import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Comparator;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

import io.metrology.http.ErrorCode;
import io.metrology.http.HttpProperties;
import io.metrology.http.ProblemException;
import io.metrology.http.Problems;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.catalina.connector.ClientAbortException;
import org.apache.coyote.ActionCode;
import org.apache.coyote.BadRequestException;
import org.apache.coyote.ContinueResponseTiming;
import org.apache.coyote.Request;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
import org.springframework.stereotype.Component;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Receives the whole body of a request before a controller sees the request. The thread
 * reads the bytes that are there. If more are to come, the request waits for them without
 * a thread, and is dispatched again when its body is complete.
 *
 * <p>
 * So a client that stalls inside a body keeps memory, but no thread. Bodies in chunks are
 * the exception: at most 16 threads read them.
 */
@Component
@Order(BodyFilter.ORDER)
class BodyFilter extends OncePerRequestFilter {

	/** After Spring Security (-100) and after the registration of requests in flight. */
	static final int ORDER = -80;

	static final Duration RETRY_AFTER = Duration.ofSeconds(1);

	private static final Logger log = LoggerFactory.getLogger(BodyFilter.class);

	/**
	 * Many clients send the headers and the body apart. A look after a moment saves most
	 * of them the way without a thread.
	 */
	private static final int LOOKS = 4;

	private static final long PAUSE_NANOS = 150_000;

	/** How many threads may read bodies in chunks at once. */
	private static final int MAX_CHUNKED = 16;

	/** A client that is silent for longer may lose its place to another. */
	private static final Duration STALLED = Duration.ofSeconds(3);

	private final HttpProperties properties;

	private final BodyLimits limits;

	private final BodyMemory memory;

	private final AsyncRequests requests;

	private final Problems problems;

	private final AsyncPermits chunked;

	private final Set<Arriving> arriving = ConcurrentHashMap.newKeySet();

	BodyFilter(HttpProperties properties, BodyLimits limits, BodyMemory memory, AsyncRequests requests,
			Problems problems) {
		this.properties = properties;
		this.limits = limits;
		this.memory = memory;
		this.requests = requests;
		this.problems = problems;
		this.chunked = requests.permits("chunked", MAX_CHUNKED);
		requests.evictBy(this::evictStalled);
	}

	/** A request comes again when its memory or the rest of its body is there. */
	@Override
	protected boolean shouldNotFilterAsyncDispatch() {
		return false;
	}

	@Override
	protected boolean shouldNotFilter(HttpServletRequest request) {
		long announced = request.getContentLengthLong();
		boolean hasBody = announced > 0 || request.getHeader(HttpHeaders.TRANSFER_ENCODING) != null;
		boolean takesBody = switch (request.getMethod()) {
			case "POST", "PUT", "PATCH" -> true;
			default -> false;
		};
		// A body that is too long is not received. BodyReader refuses it.
		return !hasBody || !takesBody || announced > this.limits.asSent(request).bytes();
	}

	@Override
	protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
			throws ServletException, IOException {
		boolean received = false;
		try {
			received = receive(request, response);
			if (received) {
				chain.doFilter(request, response);
			}
		}
		catch (ProblemException ex) {
			this.problems.write(request, response, ex);
		}
		finally {
			if (request.isAsyncStarted()) {
				AsyncRequests.whenAnswered(request.getAsyncContext(), () -> this.memory.release(request));
			}
			else {
				this.memory.release(request);
			}
		}
	}

	/**
	 * Returns whether the body is complete, or refused; if not, the request comes again.
	 */
	private boolean receive(HttpServletRequest request, HttpServletResponse response) throws IOException {
		ReceivedBody body = ReceivedBody.of(request);
		if (body != null) {
			return true;
		}
		int announced = (int) request.getContentLengthLong();
		if (announced < 0) {
			return receiveChunked(request, response);
		}
		switch (this.memory.acquire(request, response, announced)) {
			case WAITING -> {
				return false;
			}
			case EXPIRED -> throw BodyMemory.overloaded();
			case GRANTED -> {
				// Read on.
			}
		}
		body = new ReceivedBody(announced, this.limits.asSent(request));
		body.belongsTo(request);
		Request coyote = (request.getAttribute(CoyoteRequestValve.ATTRIBUTE) instanceof Request raw) ? raw : null;
		if (coyote != null && coyote.hasExpectation()) {
			// The client waits to be asked for its body.
			coyote.action(ActionCode.ACK, ContinueResponseTiming.ON_REQUEST_BODY_READ);
		}
		if (coyote != null && readArrived(request, coyote, body)) {
			return true;
		}
		readWithoutThread(request, response, body, (announced > BodyMemory.SMALL) ? 0 : announced);
		return false;
	}

	/**
	 * Reads a body in chunks, in the thread of the request. Without a thread such a
	 * request sometimes loses its answer. At most a few threads are used so, and further
	 * bodies in chunks wait without a thread.
	 */
	private boolean receiveChunked(HttpServletRequest request, HttpServletResponse response) throws IOException {
		switch (this.chunked.acquire(request, response, 1)) {
			case WAITING -> {
				return false;
			}
			case EXPIRED -> throw BodyMemory.overloaded();
			case GRANTED -> {
				// Read.
			}
		}
		try {
			ReceivedBody body = new ReceivedBody(-1, this.limits.asSent(request));
			body.belongsTo(request);
			boolean more = true;
			while (more) {
				more = readSome(body, request.getInputStream(), request);
				if (more && isOverdue(body)) {
					body.fail(overdue());
					more = false;
				}
			}
			return true;
		}
		finally {
			this.chunked.release(request);
		}
	}

	private boolean readSome(ReceivedBody body, InputStream in, HttpServletRequest request) throws IOException {
		try {
			return body.readFrom(in, this.memory, request);
		}
		catch (ProblemException ex) {
			// The rest is discarded, so that the client reads its answer.
			body.fail(ex);
			return true;
		}
	}

	/** A client that sends nothing at all meets Tomcat's own timeout. */
	private boolean isOverdue(ReceivedBody body) {
		return System.nanoTime() - body.begunAt() > this.properties.bodyTimeout().toNanos();
	}

	private ProblemException overdue() {
		return tooSlow("did not arrive within " + this.properties.bodyTimeout().toSeconds()
				+ " s (metrology.http.body-timeout)");
	}

	/** Reads the bytes that are there. */
	private boolean readArrived(HttpServletRequest request, Request coyote, ReceivedBody body) throws IOException {
		InputStream in = request.getInputStream();
		for (int look = 0; look < LOOKS; look++) {
			while (hasArrived(in, coyote)) {
				if (!body.readFrom(in, this.memory, request)) {
					return true;
				}
				look = 0;
			}
			LockSupport.parkNanos(PAUSE_NANOS);
		}
		return false;
	}

	private static boolean hasArrived(InputStream in, Request coyote) throws IOException {
		if (in.available() > 0) {
			return true;
		}
		coyote.action(ActionCode.AVAILABLE, true);
		return coyote.getAvailable() > 0;
	}

	private void readWithoutThread(HttpServletRequest request, HttpServletResponse response, ReceivedBody body,
			int buffer) throws IOException {
		AsyncContext async = this.requests.start(request, response, buffer);
		Arriving rest = new Arriving(request, response, async, body, request.getInputStream());
		this.arriving.add(rest);
		AsyncRequests.whenAnswered(async, () -> this.arriving.remove(rest));
		rest.in.setReadListener(rest);
	}

	/** Refuses the body whose client has been silent longest, if that is long. */
	private boolean evictStalled() {
		Optional<Arriving> silent = this.arriving.stream()
			.min(Comparator.comparingLong((rest) -> rest.body.lastByteAt()));
		if (silent.isEmpty() || System.nanoTime() - silent.get().body.lastByteAt() < STALLED.toNanos()) {
			return false;
		}
		silent.get().refuse(tooSlow("stopped arriving, and other requests needed its memory"));
		return true;
	}

	private static ProblemException tooSlow(String what) {
		return new ProblemException(ErrorCode.REQUEST_TIMEOUT, "The body " + what + ". Send the request again.")
			.withHeader(HttpHeaders.CONNECTION, "close");
	}

	/** The rest of a body, read by whichever thread Tomcat calls when bytes arrive. */
	private final class Arriving implements ReadListener {

		private final HttpServletRequest request;

		private final HttpServletResponse response;

		private final AsyncContext async;

		private final ReceivedBody body;

		private final ServletInputStream in;

		private final AtomicBoolean over = new AtomicBoolean();

		Arriving(HttpServletRequest request, HttpServletResponse response, AsyncContext async, ReceivedBody body,
				ServletInputStream in) {
			this.request = request;
			this.response = response;
			this.async = async;
			this.body = body;
			this.in = in;
		}

		@Override
		public void onDataAvailable() throws IOException {
			while (!this.over.get() && this.in.isReady()) {
				if (isOverdue(this.body)) {
					refuse(overdue());
				}
				else if (!readSome(this.body, this.in, this.request)) {
					dispatch();
				}
			}
		}

		@Override
		public void onAllDataRead() {
			this.body.end();
			dispatch();
		}

		/**
		 * Answers a client that may still listen: it sent no valid HTTP, or it was silent
		 * for {@code server.tomcat.connection-timeout}. Tomcat then closes the
		 * connection.
		 */
		@Override
		public void onError(@Nullable Throwable failure) {
			BodyFilter.this.arriving.remove(this);
			if (!this.over.compareAndSet(false, true)) {
				return;
			}
			try {
				BodyFilter.this.problems.write(this.request, this.response, problem(failure));
				this.response.flushBuffer();
			}
			catch (IOException | IllegalStateException ex) {
				log.debug("The client left before its body was complete", ex);
			}
		}

		private ProblemException problem(@Nullable Throwable failure) {
			if (failure instanceof SocketTimeoutException) {
				return tooSlow("stopped arriving");
			}
			boolean isMalformed = failure instanceof BadRequestException && !(failure instanceof ClientAbortException);
			ProblemException problem = isMalformed
					? new ProblemException(ErrorCode.INVALID_REQUEST, "The body is not well-formed HTTP.")
					: new ProblemException(ErrorCode.BODY_INCOMPLETE,
							"The connection broke off before the body was complete. Send the request again.");
			return problem.withHeader(HttpHeaders.CONNECTION, "close");
		}

		private void refuse(ProblemException problem) {
			this.body.fail(problem);
			dispatch();
		}

		private void dispatch() {
			if (!this.over.compareAndSet(false, true)) {
				return;
			}
			BodyFilter.this.arriving.remove(this);
			try {
				RequestDeadline.of(this.request).extend(System.nanoTime() - this.body.begunAt());
				this.async.dispatch();
			}
			catch (IllegalStateException ex) {
				log.debug("The request of a body has ended", ex);
			}
		}

	}

}
