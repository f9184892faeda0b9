package io.metrology.ingest;

import org.jspecify.annotations.Nullable;

/**
 * A valid chunk, ready to be stored. The arrays are never changed.
 *
 * @param key what identifies it
 * @param timestamps Unix epoch seconds, at least one
 * @param values as many values, NaN = measured but missing
 * @param units the values' units, or null where not said
 * @param contentHash its {@link ContentHash}
 * @param summary what reads prune by
 */
record Chunk(ChunkKey key, double[] timestamps, double[] values, @Nullable String units, byte[] contentHash,
		ChunkSummary summary) {

	/** Makes a chunk, with its hash and summary. */
	static Chunk of(ChunkKey key, double[] timestamps, double[] values, @Nullable String units) {
		return new Chunk(key, timestamps, values, units, ContentHash.of(timestamps, values),
				ChunkSummary.of(timestamps, values));
	}

	int pointCount() {
		return this.timestamps.length;
	}

}
