package io.metrology.ingest;

import org.jspecify.annotations.Nullable;

/**
 * What can be said of a chunk without reading its arrays.
 *
 * @param earliestTime the least timestamp, epoch seconds
 * @param latestTime the greatest timestamp, epoch seconds
 * @param minValue the least value that is not missing, or null where all are
 * @param maxValue the greatest value that is not missing, or null where all are
 * @param missingCount how many values are missing
 */
public record ChunkSummary(double earliestTime, double latestTime, @Nullable Double minValue, @Nullable Double maxValue,
		int missingCount) {

	/** Summarizes a chunk, at least one point. */
	public static ChunkSummary of(double[] timestamps, double[] values) {
		double earliest = Double.POSITIVE_INFINITY;
		double latest = Double.NEGATIVE_INFINITY;
		for (double timestamp : timestamps) {
			earliest = Math.min(earliest, timestamp);
			latest = Math.max(latest, timestamp);
		}
		double min = Double.POSITIVE_INFINITY;
		double max = Double.NEGATIVE_INFINITY;
		int missing = 0;
		for (double value : values) {
			if (Double.isNaN(value)) {
				missing++;
			}
			else {
				min = Math.min(min, value);
				max = Math.max(max, value);
			}
		}
		boolean allMissing = missing == values.length;
		return new ChunkSummary(earliest, latest, allMissing ? null : min, allMissing ? null : max, missing);
	}

}
