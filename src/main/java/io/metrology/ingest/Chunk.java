package io.metrology.ingest;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

import org.jspecify.annotations.Nullable;

/**
 * A valid chunk, ready to be stored. The arrays are never changed.
 *
 * @param key what identifies it
 * @param timestamps Unix epoch seconds, at least one
 * @param values as many values, NaN = measured but missing
 * @param units the values' units, or null where not said
 * @param contentHash SHA-256 over the big-endian IEEE-754 doubles of the timestamps, then
 * of the values, missing ones as the canonical NaN
 * @param summary what reads prune by
 */
record Chunk(ChunkKey key, double[] timestamps, double[] values, @Nullable String units, byte[] contentHash,
		ChunkSummary summary) {

	/** Makes a chunk, with its hash and summary. */
	static Chunk of(ChunkKey key, double[] timestamps, double[] values, @Nullable String units) {
		return new Chunk(key, timestamps, values, units, hash(timestamps, values), ChunkSummary.of(timestamps, values));
	}

	int pointCount() {
		return this.timestamps.length;
	}

	private static byte[] hash(double[] timestamps, double[] values) {
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
