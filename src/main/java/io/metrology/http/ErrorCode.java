package io.metrology.http;

import java.util.Arrays;
import java.util.Locale;

/**
 * The catalogue of errors: every error answer of the service carries one of these codes.
 * Codes are part of the API and never change their meaning.
 */
public enum ErrorCode {

	/** The body is not one well-formed JSON value. */
	MALFORMED_JSON(400, "Malformed JSON"),
	/** The request breaks a rule of the API; {@code errors} names each field. */
	INVALID_REQUEST(400, "Invalid request"),
	/** A timestamp is no plausible number of epoch seconds. */
	TIMESTAMP_OUT_OF_RANGE(400, "Timestamp out of range"),
	/** The connection broke off before the body was complete. */
	BODY_INCOMPLETE(400, "Body incomplete", true),
	/** The request came without an API key. */
	API_KEY_MISSING(401, "API key missing"),
	/** The API key is not one of this service. */
	API_KEY_INVALID(401, "API key invalid"),
	/** The API key was revoked. */
	API_KEY_REVOKED(401, "API key revoked"),
	/** The API key's time is over. */
	API_KEY_EXPIRED(401, "API key expired"),
	/** The API key is not for requests of this kind. */
	SCOPE_MISSING(403, "Scope missing"),
	/** A page of this origin may not use the service from a browser. */
	ORIGIN_NOT_ALLOWED(403, "Origin not allowed"),
	/** The stream was never made, and unknown streams are not registered. */
	STREAM_UNKNOWN(404, "Stream unknown"),
	/** The stream has no such channel. */
	CHANNEL_UNKNOWN(404, "Channel unknown"),
	/** Nothing is served under this path. */
	NOT_FOUND(404, "Not found"),
	/** The path exists, but not for this method; {@code Allow} names those that do. */
	METHOD_NOT_ALLOWED(405, "Method not allowed"),
	/** None of the formats in {@code Accept} can be produced. */
	NOT_ACCEPTABLE(406, "Not acceptable"),
	/** The request did not arrive in time. */
	REQUEST_TIMEOUT(408, "Request timeout", true),
	/** The stream was finalized and accepts no new data. */
	STREAM_FINALIZED(409, "Stream finalized"),
	/** The channel is held in other units. */
	UNITS_MISMATCH(409, "Units mismatch"),
	/** What is stored differs from the manifest given to finalize. */
	MANIFEST_MISMATCH(409, "Manifest mismatch"),
	/** The chunk has content that was stored after the refusal of the resent one. */
	CHUNK_NEWER(409, "Chunk newer"),
	/** The record of a refused chunk has no body to resend. */
	REFUSAL_WITHOUT_BODY(409, "Refusal without body"),
	/** The stream was deleted. */
	STREAM_DELETED(410, "Stream deleted"),
	/** The body is longer than the limit. */
	BODY_TOO_LARGE(413, "Body too large"),
	/** The chunk holds more points than the limit. */
	TOO_MANY_POINTS(413, "Too many points"),
	/** The path and query are longer than the server reads. */
	URI_TOO_LONG(414, "URI too long"),
	/** The body's type, charset or coding is not one that the service reads. */
	UNSUPPORTED_MEDIA_TYPE(415, "Unsupported media type"),
	/** The {@code Expect} header asks for something that the service does not do. */
	EXPECTATION_FAILED(417, "Expectation failed"),
	/** The request's headers are larger than the server reads. */
	HEADERS_TOO_LARGE(431, "Request headers too large"),
	/** The service failed; the log has the cause under the same request id. */
	INTERNAL_ERROR(500, "Internal error", true),
	/** The request uses a part of HTTP that the service does not implement. */
	NOT_IMPLEMENTED(501, "Not implemented"),
	/** PostgreSQL could not be reached, or did not answer in time. */
	DATABASE_UNAVAILABLE(503, "Database unavailable", true),
	/** The service has more requests in flight than it may hold. */
	OVERLOADED(503, "Overloaded", true),
	/** The service is being stopped. */
	STOPPING(503, "Stopping", true),
	/** The request's version of HTTP is not served. */
	HTTP_VERSION_NOT_SUPPORTED(505, "HTTP version not supported");

	private final int status;

	private final String title;

	private final boolean retryable;

	ErrorCode(int status, String title) {
		this(status, title, false);
	}

	ErrorCode(int status, String title, boolean retryable) {
		this.status = status;
		this.title = title;
		this.retryable = retryable;
	}

	/** The HTTP status. */
	public int status() {
		return this.status;
	}

	/** A short name for people, the same for every occurrence. */
	public String title() {
		return this.title;
	}

	/** Whether the same request may succeed when it is sent again later. */
	public boolean retryable() {
		return this.retryable;
	}

	/** The code on the wire and in metrics, in snake_case. */
	public String code() {
		return name().toLowerCase(Locale.ROOT);
	}

	/** The code for a status that the framework or the container chose. */
	static ErrorCode ofStatus(int status) {
		return switch (status) {
			case 400 -> INVALID_REQUEST;
			case 404 -> NOT_FOUND;
			case 413 -> BODY_TOO_LARGE;
			// The container's own: its application is being stopped.
			case 503 -> STOPPING;
			default -> Arrays.stream(values())
				.filter((code) -> code.status == status)
				.findFirst()
				.orElse((status < 500) ? INVALID_REQUEST : INTERNAL_ERROR);
		};
	}

}
