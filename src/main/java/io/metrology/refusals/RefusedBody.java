package io.metrology.refusals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Locale;
import java.util.UUID;

import io.metrology.http.WholeGzip;
import io.metrology.ingest.ChunkResend.Form;
import org.jspecify.annotations.Nullable;

/**
 * The body of a refused request as it is recorded: decompressed, or as sent if that
 * fails.
 *
 * @param id the id of the record
 * @param content the first bytes of the body, at most as many as are kept
 * @param length the length of the body in bytes
 * @param encoding how the body is compressed if it could not be decompressed, else null
 */
record RefusedBody(UUID id, byte[] content, long length, @Nullable String encoding) {

	private static final int BUFFER = 16 * 1024;

	/** Version and variant of a UUID that is made in a way of its own (RFC 9562). */
	private static final long VERSION_8 = 0x8000L;

	private static final long VARIANT = 0x8000_0000_0000_0000L;

	/**
	 * Reads a body.
	 * @param encoding the header {@code Content-Encoding}, or null
	 * @param maxContent how many bytes are kept
	 * @param maxInflated how many bytes a body may have after decompression. A longer one
	 * counts as one that cannot be decompressed
	 */
	static RefusedBody of(Form form, byte[] sent, @Nullable String encoding, long maxContent, long maxInflated) {
		String coding = (encoding != null) ? encoding.strip().toLowerCase(Locale.ROOT) : "";
		if (coding.isEmpty() || coding.equals("identity")) {
			return plain(form, sent, null, maxContent);
		}
		if (coding.equals("gzip") || coding.equals("x-gzip")) {
			RefusedBody inflated = inflate(form, sent, maxContent, maxInflated);
			if (inflated != null) {
				return inflated;
			}
		}
		return plain(form, sent, coding, maxContent);
	}

	/** Returns whether the whole body is in the content. */
	boolean isWhole() {
		return this.content.length == this.length;
	}

	private static RefusedBody plain(Form form, byte[] sent, @Nullable String encoding, long maxContent) {
		MessageDigest digest = digest(form);
		digest.update(sent);
		byte[] kept = (sent.length <= maxContent) ? sent : Arrays.copyOf(sent, (int) maxContent);
		return new RefusedBody(id(digest), kept, sent.length, encoding);
	}

	private static @Nullable RefusedBody inflate(Form form, byte[] sent, long maxContent, long maxInflated) {
		MessageDigest digest = digest(form);
		ByteArrayOutputStream content = new ByteArrayOutputStream();
		long length = 0;
		try (WholeGzip gzip = new WholeGzip(sent)) {
			byte[] buffer = new byte[BUFFER];
			int read;
			while ((read = gzip.read(buffer)) >= 0) {
				digest.update(buffer, 0, read);
				content.write(buffer, 0, (int) Math.min(read, Math.max(0, maxContent - content.size())));
				length += read;
				if (length > maxInflated) {
					return null;
				}
			}
			if (gzip.hasMore()) {
				return null;
			}
		}
		catch (IOException ex) {
			return null;
		}
		return new RefusedBody(id(digest), content.toByteArray(), length, null);
	}

	private static MessageDigest digest(Form form) {
		MessageDigest digest = sha256();
		digest.update(((form == Form.MULTI) ? "chunk/multi" : "chunk").getBytes(StandardCharsets.US_ASCII));
		// The name is no part of the JSON that follows.
		digest.update((byte) 0);
		return digest;
	}

	static MessageDigest sha256() {
		try {
			return MessageDigest.getInstance("SHA-256");
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException("Every Java has SHA-256", ex);
		}
	}

	private static UUID id(MessageDigest digest) {
		ByteBuffer hash = ByteBuffer.wrap(digest.digest());
		long high = hash.getLong() & ~0xf000L | VERSION_8;
		long low = hash.getLong() & ~(VARIANT | VARIANT >>> 1) | VARIANT;
		return new UUID(high, low);
	}

	@Override
	public boolean equals(@Nullable Object other) {
		return other instanceof RefusedBody body && body.id.equals(this.id);
	}

	@Override
	public int hashCode() {
		return this.id.hashCode();
	}

}
