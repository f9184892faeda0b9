package io.metrology.http;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Locale;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.servlet.http.HttpServletRequest;

import org.springframework.http.HttpHeaders;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;

/**
 * Reads a request's body whole, inflated, and within the limits of
 * {@link HttpProperties}. Memory grows with what has arrived, never with what a header
 * promises.
 */
@Component
public class BodyReader {

	private static final int FIRST_BUFFER = 16 * 1024;

	/** Gzip adds far less than this part to what it cannot compress. */
	private static final int GZIP_OVERHEAD = 64;

	private final HttpProperties properties;

	private final Counter receivedBytes;

	BodyReader(HttpProperties properties, MeterRegistry registry) {
		this.properties = properties;
		this.receivedBytes = Counter.builder("metrology.http.received")
			.baseUnit("bytes")
			.description("Bytes of request bodies read, after decompression")
			.register(registry);
	}

	/**
	 * Reads the body.
	 * @throws ProblemException {@code body_too_large}, {@code request_timeout},
	 * {@code unsupported_media_type} for a coding other than gzip, a charset other than
	 * UTF-8 or a malformed type, {@code invalid_request} for broken gzip
	 */
	public byte[] read(HttpServletRequest request) throws IOException {
		requireUtf8(request);
		boolean gzip = isGzip(request);
		long most = gzip ? limit() + limit() / GZIP_OVERHEAD + FIRST_BUFFER : limit();
		if (request.getContentLengthLong() > most) {
			throw tooLarge();
		}
		byte[] sent = drain(request.getInputStream(), request.getContentLengthLong(), most);
		byte[] body = gzip ? inflate(sent) : sent;
		this.receivedBytes.increment(body.length);
		return body;
	}

	/**
	 * Inflates from memory: a stream that has to wait for the client takes the pause for
	 * the end.
	 */
	private byte[] inflate(byte[] sent) throws IOException {
		try (WholeGzip gzip = new WholeGzip(sent)) {
			byte[] body = drain(gzip, -1, limit());
			gzip.requireEnd();
			return body;
		}
		catch (ZipException | EOFException ex) {
			throw new ProblemException(ErrorCode.INVALID_REQUEST,
					"The body is announced as gzip, but is not well-formed gzip.", ex);
		}
	}

	private byte[] drain(InputStream in, long expected, long most) throws IOException {
		long deadline = System.nanoTime() + this.properties.bodyTimeout().toNanos();
		byte[] buffer = new byte[(expected >= 0) ? (int) Math.min(expected + 1, FIRST_BUFFER) : FIRST_BUFFER];
		int length = 0;
		int read;
		while ((read = in.read(buffer, length, buffer.length - length)) >= 0) {
			length += read;
			if (length > most) {
				throw tooLarge();
			}
			if (System.nanoTime() > deadline) {
				throw tooSlow();
			}
			if (length == buffer.length) {
				buffer = Arrays.copyOf(buffer, (int) Math.min(buffer.length * 2L, most + 1));
			}
		}
		return (length == buffer.length) ? buffer : Arrays.copyOf(buffer, length);
	}

	private static void requireUtf8(HttpServletRequest request) {
		String type = request.getContentType();
		String charset = (type != null) ? mediaType(type).getParameter("charset") : null;
		if (charset != null && !charset.replace("\"", "").matches("(?i)utf-?8")) {
			throw new ProblemException(ErrorCode.UNSUPPORTED_MEDIA_TYPE,
					"The body must be sent as UTF-8, not as " + Fault.shown(charset) + ".");
		}
	}

	private static MediaType mediaType(String type) {
		try {
			return MediaType.parseMediaType(type);
		}
		catch (InvalidMediaTypeException ex) {
			throw new ProblemException(ErrorCode.UNSUPPORTED_MEDIA_TYPE,
					"The header Content-Type must be application/json, not " + Fault.shown(type) + ".");
		}
	}

	private static boolean isGzip(HttpServletRequest request) {
		String coding = request.getHeader(HttpHeaders.CONTENT_ENCODING);
		if (coding == null) {
			return false;
		}
		return switch (coding.strip().toLowerCase(Locale.ROOT)) {
			case "", "identity" -> false;
			case "gzip", "x-gzip" -> true;
			default -> throw new ProblemException(ErrorCode.UNSUPPORTED_MEDIA_TYPE,
					"Bodies may be sent plain or with Content-Encoding: gzip, not " + Fault.shown(coding) + ".")
				.withHeader(HttpHeaders.ACCEPT_ENCODING, "gzip");
		};
	}

	private long limit() {
		return this.properties.maxBodySize().toBytes();
	}

	private ProblemException tooLarge() {
		return new ProblemException(ErrorCode.BODY_TOO_LARGE,
				"The body is longer than the limit of " + limit()
						+ " bytes (metrology.http.max-body-size); split the data into smaller chunks.")
			.withHeader(HttpHeaders.CONNECTION, "close");
	}

	private ProblemException tooSlow() {
		return new ProblemException(ErrorCode.REQUEST_TIMEOUT,
				"The body did not arrive within " + this.properties.bodyTimeout().toSeconds()
						+ " s (metrology.http.body-timeout); send it again.")
			.withHeader(HttpHeaders.CONNECTION, "close");
	}

	/**
	 * Gzip that is all there is: what follows its last member is an error and not
	 * ignored.
	 */
	private static final class WholeGzip extends GZIPInputStream {

		private static final int TRAILER = 8;

		WholeGzip(byte[] sent) throws IOException {
			super(new ByteArrayInputStream(sent), Math.max(1, sent.length));
		}

		void requireEnd() throws ZipException {
			if (this.inf.getRemaining() > TRAILER) {
				throw new ZipException("Data after the end");
			}
		}

	}

}
