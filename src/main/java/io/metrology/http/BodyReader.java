package io.metrology.http;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.util.Arrays;
import java.util.Locale;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.servlet.http.HttpServletRequest;

import org.springframework.http.HttpHeaders;
import org.springframework.stereotype.Component;

/**
 * Reads a request's body whole, inflated, and within the limits of
 * {@link HttpProperties}. Memory grows with what has arrived, never with what a header
 * promises.
 */
@Component
public class BodyReader {

	private static final int FIRST_BUFFER = 16 * 1024;

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
	 * {@code unsupported_media_type} for a coding other than gzip,
	 * {@code invalid_request} for broken gzip
	 */
	public byte[] read(HttpServletRequest request) throws IOException {
		boolean gzip = isGzip(request);
		if (!gzip && request.getContentLengthLong() > limit()) {
			throw tooLarge();
		}
		try {
			InputStream in = request.getInputStream();
			byte[] body = gzip ? inflate(in, request) : drain(in, request);
			this.receivedBytes.increment(body.length);
			return body;
		}
		catch (SocketTimeoutException ex) {
			throw tooSlow();
		}
	}

	private byte[] inflate(InputStream in, HttpServletRequest request) throws IOException {
		try {
			return drain(new GZIPInputStream(in, FIRST_BUFFER), request);
		}
		catch (ZipException | EOFException ex) {
			throw new ProblemException(ErrorCode.INVALID_REQUEST,
					"The body is announced as gzip, but is not well-formed gzip.", ex);
		}
	}

	private byte[] drain(InputStream in, HttpServletRequest request) throws IOException {
		long deadline = System.nanoTime() + this.properties.bodyTimeout().toNanos();
		long expected = Math.max(0, request.getContentLengthLong());
		byte[] buffer = new byte[(int) Math.min(expected + 1, FIRST_BUFFER)];
		int length = 0;
		int read;
		while ((read = in.read(buffer, length, buffer.length - length)) >= 0) {
			length += read;
			if (length > limit()) {
				throw tooLarge();
			}
			if (System.nanoTime() > deadline) {
				throw tooSlow();
			}
			if (length == buffer.length) {
				buffer = Arrays.copyOf(buffer, (int) Math.min(buffer.length * 2L, limit() + 1));
			}
		}
		return (length == buffer.length) ? buffer : Arrays.copyOf(buffer, length);
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
					"Bodies may be sent plain or with Content-Encoding: gzip, not " + coding + ".")
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

}
