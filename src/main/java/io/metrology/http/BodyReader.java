package io.metrology.http;

import java.io.EOFException;
import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;
import java.util.zip.ZipException;

import io.metrology.http.load.BodyLimit;
import io.metrology.http.load.BodyLimits;
import io.metrology.http.load.BodyMemory;
import io.metrology.http.load.ReceivedBody;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.servlet.http.HttpServletRequest;

import org.springframework.http.HttpHeaders;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;

/**
 * Reads the body of a request that has arrived: checks its charset and coding,
 * decompresses it, and keeps its limit and its share of {@link BodyMemory}.
 */
@Component
public class BodyReader {

	private static final int FIRST_BUFFER = 16 * 1024;

	/** Bytes of memory, a little more than an object with one field takes. */
	private static final int STRUCTURE = 128;

	private final BodyLimits limits;

	private final BodyMemory memory;

	private final Counter receivedBytes;

	BodyReader(BodyLimits limits, BodyMemory memory, MeterRegistry registry) {
		this.limits = limits;
		this.memory = memory;
		this.receivedBytes = Counter.builder("metrology.http.received")
			.baseUnit("bytes")
			.description("Bytes of request bodies read, after decompression")
			.register(registry);
	}

	/**
	 * Returns the body after decompression.
	 * @throws ProblemException {@code body_too_large}, {@code request_timeout},
	 * {@code overloaded}, {@code unsupported_media_type} for a coding other than gzip, a
	 * charset other than UTF-8 or a malformed type, {@code invalid_request} for broken
	 * gzip
	 */
	public byte[] read(HttpServletRequest request) throws IOException {
		requireUtf8(request);
		boolean gzip = isGzip(request);
		BodyLimit limit = this.limits.of(request);
		byte[] sent = received(request, gzip ? limit.gzipped() : limit);
		byte[] body = gzip ? inflate(request, sent, limit) : sent;
		if (body.length > BodyMemory.SMALL) {
			this.memory.grow(request, memoryFor(body));
		}
		this.receivedBytes.increment(body.length);
		return body;
	}

	private static byte[] received(HttpServletRequest request, BodyLimit limit) throws IOException {
		if (request.getContentLengthLong() > limit.bytes()) {
			throw limit.exceeded();
		}
		ReceivedBody body = ReceivedBody.of(request);
		return (body != null) ? body.bytes() : request.getInputStream().readNBytes((int) limit.bytes());
	}

	/**
	 * Estimates the memory of a body and of the objects read from it: 8 bytes for each
	 * comma (one number), and 128 for each colon or opening bracket (one name, object or
	 * array).
	 */
	private static long memoryFor(byte[] body) {
		long commas = 0;
		long structures = 0;
		for (byte character : body) {
			commas += (character == ',') ? 1 : 0;
			structures += (character == ':' || character == '{' || character == '[') ? 1 : 0;
		}
		return body.length + commas * Double.BYTES + structures * STRUCTURE;
	}

	private byte[] inflate(HttpServletRequest request, byte[] sent, BodyLimit limit) throws IOException {
		try (WholeGzip gzip = new WholeGzip(sent)) {
			byte[] buffer = new byte[FIRST_BUFFER];
			int length = 0;
			int read;
			while ((read = gzip.read(buffer, length, buffer.length - length)) >= 0) {
				length += read;
				if (length > limit.bytes()) {
					throw limit.exceeded();
				}
				if (length == buffer.length) {
					int longer = (int) Math.min(buffer.length * 2L, limit.bytes() + 1);
					this.memory.grow(request, sent.length + longer * (long) BodyMemory.TIMES_LENGTH);
					buffer = Arrays.copyOf(buffer, longer);
				}
			}
			if (gzip.hasMore()) {
				throw new ZipException("Data after the end");
			}
			return Arrays.copyOf(buffer, length);
		}
		catch (ZipException | EOFException ex) {
			throw new ProblemException(ErrorCode.INVALID_REQUEST,
					"The body is announced as gzip, but is not well-formed gzip.", ex);
		}
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

}
