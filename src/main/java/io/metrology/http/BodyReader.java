package io.metrology.http;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Locale;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

import io.metrology.http.load.ReceivedBody;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import org.springframework.util.unit.DataSize;

/**
 * Reads a request's body whole, inflated, and within the limits of {@link HttpProperties}
 * and {@link BodyMemory}. The memory of a long body is bounded by what was set aside for
 * it beforehand; where nothing was, as its length is not known, it grows with what has
 * arrived.
 */
@Component
public class BodyReader {

	private static final int FIRST_BUFFER = 16 * 1024;

	/** Bytes of memory, some more than an object with one field takes. */
	private static final int STRUCTURE = 128;

	/** The longest small request: a manifest of 10 000 channels has some 600 kB. */
	private static final DataSize SMALL = DataSize.ofMegabytes(4);

	/** Gzip adds far less than this part to what it cannot compress. */
	private static final int GZIP_OVERHEAD = 64;

	private final HttpProperties properties;

	private final BodyMemory memory;

	private final Counter receivedBytes;

	BodyReader(HttpProperties properties, BodyMemory memory, MeterRegistry registry) {
		this.properties = properties;
		this.memory = memory;
		this.receivedBytes = Counter.builder("metrology.http.received")
			.baseUnit("bytes")
			.description("Bytes of request bodies read, after decompression")
			.register(registry);
	}

	/**
	 * Reads the body.
	 * @throws ProblemException {@code body_too_large}, {@code request_timeout},
	 * {@code overloaded}, {@code unsupported_media_type} for a coding other than gzip, a
	 * charset other than UTF-8 or a malformed type, {@code invalid_request} for broken
	 * gzip
	 */
	public byte[] read(HttpServletRequest request) throws IOException {
		return read(request, longest());
	}

	/**
	 * Reads the body as sent, if a request was refused before anything read it.
	 * @return null if the body was begun before, or cannot be read
	 */
	public @Nullable ReceivedBody readUnread(HttpServletRequest request) {
		try {
			Limit sent = longest().gzipped();
			BodyMemory.Share share = this.memory.open(request);
			share.await(Math.max(0, request.getContentLengthLong()));
			ReceivedBody.keep(request, drain(request.getInputStream(), -1, sent, growing(share, 0)));
			return ReceivedBody.of(request);
		}
		catch (IOException | ProblemException ex) {
			return null;
		}
	}

	/**
	 * Reads the body of a request that holds no points, at most 4 MiB of it.
	 * @throws ProblemException as of {@link #read}
	 */
	byte[] readSmall(HttpServletRequest request) throws IOException {
		return read(request, (SMALL.compareTo(this.properties.maxBodySize()) < 0)
				? Limit.of(SMALL, "of requests without points") : longest());
	}

	/** Returns how long a body may be, after decompression. */
	public DataSize maxBodySize() {
		return this.properties.maxBodySize();
	}

	private Limit longest() {
		return Limit.of(this.properties.maxBodySize(), "metrology.http.max-body-size");
	}

	private byte[] read(HttpServletRequest request, Limit limit) throws IOException {
		requireUtf8(request);
		boolean gzip = isGzip(request);
		Limit sent = gzip ? limit.gzipped() : limit;
		if (request.getContentLengthLong() > sent.bytes()) {
			throw sent.exceeded();
		}
		byte[] body = gzip ? readGzip(request, limit) : readPlain(request, limit);
		this.receivedBytes.increment(body.length);
		return body;
	}

	private byte[] readPlain(HttpServletRequest request, Limit limit) throws IOException {
		long announced = request.getContentLengthLong();
		if (announced >= 0 && announced <= BodyMemory.SHORT) {
			byte[] body = drain(request.getInputStream(), announced, limit, Growth.NONE);
			ReceivedBody.keep(request, body);
			return body;
		}
		BodyMemory.Share share = this.memory.open(request);
		share.await(Math.max(0, announced) * BodyMemory.TIMES_LENGTH);
		byte[] body = drain(request.getInputStream(), announced, limit, growing(share, 0));
		ReceivedBody.keep(request, body);
		share.grow(memoryFor(body));
		return body;
	}

	private byte[] readGzip(HttpServletRequest request, Limit limit) throws IOException {
		BodyMemory.Share share = this.memory.open(request);
		long announced = request.getContentLengthLong();
		if (announced > BodyMemory.SHORT) {
			share.await(announced * BodyMemory.TIMES_LENGTH);
		}
		byte[] sent = drain(request.getInputStream(), announced, limit.gzipped(), growing(share, 0));
		ReceivedBody.keep(request, sent);
		byte[] body = inflate(sent, limit, growing(share, sent.length));
		if (body.length > BodyMemory.SHORT) {
			share.grow(memoryFor(body));
		}
		return body;
	}

	/** Takes memory as a buffer grows, once it is longer than a short body. */
	private static Growth growing(BodyMemory.Share share, long before) {
		return (length) -> {
			if (length > BodyMemory.SHORT) {
				share.grow(before + length * BodyMemory.TIMES_LENGTH);
			}
		};
	}

	/**
	 * A body itself, a double for each of its numbers, as a comma follows nearly all, and
	 * what Java makes of a name, an object or an array, of which honest bodies have few.
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

	/**
	 * Inflates from memory: a stream that has to wait for the client takes the pause for
	 * the end.
	 */
	private byte[] inflate(byte[] sent, Limit limit, Growth growth) throws IOException {
		try (WholeGzip gzip = new WholeGzip(sent)) {
			byte[] body = drain(gzip, -1, limit, growth);
			gzip.requireEnd();
			return body;
		}
		catch (ZipException | EOFException ex) {
			throw new ProblemException(ErrorCode.INVALID_REQUEST,
					"The body is announced as gzip, but is not well-formed gzip.", ex);
		}
	}

	/**
	 * Reads to the end.
	 * @param expected the length, or −1 where it is not known
	 */
	private byte[] drain(InputStream in, long expected, Limit limit, Growth growth) throws IOException {
		long deadline = System.nanoTime() + this.properties.bodyTimeout().toNanos();
		byte[] buffer = new byte[(expected >= 0) ? (int) expected + 1 : FIRST_BUFFER];
		int length = 0;
		int read;
		while ((read = in.read(buffer, length, buffer.length - length)) >= 0) {
			length += read;
			if (length > limit.bytes()) {
				throw limit.exceeded();
			}
			if (System.nanoTime() > deadline) {
				throw tooSlow();
			}
			if (length == buffer.length) {
				int longer = (int) Math.min(buffer.length * 2L, limit.bytes() + 1);
				growth.to(longer);
				buffer = Arrays.copyOf(buffer, longer);
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

	private ProblemException tooSlow() {
		return new ProblemException(ErrorCode.REQUEST_TIMEOUT,
				"The body did not arrive within " + this.properties.bodyTimeout().toSeconds()
						+ " s (metrology.http.body-timeout); send it again.")
			.withHeader(HttpHeaders.CONNECTION, "close");
	}

	/**
	 * The most bytes to read.
	 *
	 * @param bytes as they are read here
	 * @param inflated as clients are told
	 * @param name the setting, or for which requests it is
	 */
	private record Limit(long bytes, long inflated, String name) {

		static Limit of(DataSize size, String name) {
			return new Limit(size.toBytes(), size.toBytes(), name);
		}

		/** The same before it is inflated. */
		Limit gzipped() {
			return new Limit(this.inflated + this.inflated / GZIP_OVERHEAD + FIRST_BUFFER, this.inflated, this.name);
		}

		ProblemException exceeded() {
			return new ProblemException(ErrorCode.BODY_TOO_LARGE, "The body is longer than the limit of "
					+ this.inflated + " bytes (" + this.name + "); split the data into smaller chunks.")
				.withHeader(HttpHeaders.CONNECTION, "close");
		}

	}

	/** Asks for the memory of a buffer that grows. */
	@FunctionalInterface
	private interface Growth {

		Growth NONE = (length) -> {
		};

		void to(int length);

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
