package io.metrology;

import java.util.List;
import java.util.SortedMap;

/**
 * A channel's row and the rows of its chunks.
 *
 * @param units its units, or null
 * @param totalPoints the carried sum of points
 * @param chunkCount the carried number of chunks
 * @param highestChunkIndex the carried highest index
 * @param revision the carried count of changes
 * @param earliestTime the carried least timestamp
 * @param latestTime the carried greatest timestamp
 * @param latestChunkIndex the carried index of the last chunk with the greatest timestamp
 * @param chunks its chunks by index
 */
public record StoredChannel(String units, long totalPoints, long chunkCount, int highestChunkIndex, long revision,
		Double earliestTime, Double latestTime, int latestChunkIndex, SortedMap<Integer, StoredChunk> chunks) {

	/** The sum that {@code totalPoints} must equal. */
	public long sumOfPoints() {
		return this.chunks.values().stream().mapToLong(StoredChunk::pointCount).sum();
	}

	/**
	 * A chunk's row. Doubles are boxed: so they compare bit by bit, all NaN being one.
	 *
	 * @param pointCount the number of points
	 * @param revision the channel's revision when it was written
	 * @param hash the content hash in hexadecimal
	 * @param earliestTime the least timestamp
	 * @param latestTime the greatest timestamp
	 * @param minValue the least value, or null
	 * @param maxValue the greatest value, or null
	 * @param missingCount how many values are missing
	 * @param timestamps the timestamps
	 * @param values the values, NaN = missing
	 */
	public record StoredChunk(int pointCount, long revision, String hash, Double earliestTime, Double latestTime,
			Double minValue, Double maxValue, int missingCount, List<Double> timestamps, List<Double> values) {

	}

}
