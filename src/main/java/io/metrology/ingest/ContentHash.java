package io.metrology.ingest;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * What tells two contents of a chunk apart: SHA-256 over the big-endian IEEE-754 doubles
 * of the timestamps, then of the values, missing ones as the canonical NaN. Any client
 * can compute it.
 */
public final class ContentHash {

	private ContentHash() {
	}

	/** The 32 bytes of the hash. */
	public static byte[] of(double[] timestamps, double[] values) {
		ByteBuffer bytes = ByteBuffer.allocate((timestamps.length + values.length) * Double.BYTES);
		bytes.asDoubleBuffer().put(timestamps);
		bytes.position(timestamps.length * Double.BYTES);
		for (double value : values) {
			bytes.putLong(Double.doubleToLongBits(value));
		}
		return sha256().digest(bytes.array());
	}

	private static MessageDigest sha256() {
		try {
			return MessageDigest.getInstance("SHA-256");
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException("Every Java platform has SHA-256", ex);
		}
	}

}
