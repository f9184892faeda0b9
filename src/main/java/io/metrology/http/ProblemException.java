package io.metrology.http;

import java.time.Duration;
import java.util.List;

import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;

/**
 * Thrown by any feature to end a request with an error of the catalogue.
 */
public final class ProblemException extends RuntimeException {

	private static final Duration WHILE_STOPPING = Duration.ofSeconds(5);

	private final ErrorCode code;

	private final transient HttpHeaders headers = new HttpHeaders();

	private transient List<Fault> faults = List.of();

	private boolean outcomeUnknown;

	/**
	 * Makes an error.
	 * @param code its place in the catalogue
	 * @param detail one sentence that a person at an instrument can act on
	 */
	public ProblemException(ErrorCode code, String detail) {
		this(code, detail, null);
	}

	/**
	 * Makes an error with a cause for the log; the cause never leaves the service.
	 */
	public ProblemException(ErrorCode code, String detail, @Nullable Throwable cause) {
		super(detail, cause);
		this.code = code;
	}

	/** What to answer where a path is not served, or not to be seen. */
	public static ProblemException nothingServed(HttpServletRequest request) {
		return new ProblemException(ErrorCode.NOT_FOUND,
				"Nothing is served under " + Fault.shown(request.getRequestURI()) + ".");
	}

	/** Says that the service is being stopped, and that nothing was stored. */
	public static ProblemException stopping(@Nullable Throwable cause) {
		return new ProblemException(ErrorCode.STOPPING,
				"The service is stopping; send the request again once it is back.", cause)
			.retryAfter(WHILE_STOPPING);
	}

	/** Lists the faults that the answer shows. */
	public ProblemException with(List<Fault> faults) {
		this.faults = List.copyOf(faults);
		return this;
	}

	/** Adds a header to the answer. */
	public ProblemException withHeader(String name, String value) {
		this.headers.set(name, value);
		return this;
	}

	/** Adds {@code Retry-After}. */
	public ProblemException retryAfter(Duration delay) {
		return withHeader(HttpHeaders.RETRY_AFTER, Long.toString(Math.max(1, delay.toSeconds())));
	}

	/**
	 * Says that a commit was sent whose outcome could not be learned: {@code stored} is
	 * null.
	 */
	public ProblemException withUnknownOutcome() {
		this.outcomeUnknown = true;
		return this;
	}

	/** The error's place in the catalogue. */
	public ErrorCode code() {
		return this.code;
	}

	/** The sentence for the person who sent the request. */
	public String detail() {
		return String.valueOf(getMessage());
	}

	HttpHeaders headers() {
		return this.headers;
	}

	List<Fault> faults() {
		return this.faults;
	}

	boolean outcomeUnknown() {
		return this.outcomeUnknown;
	}

}
