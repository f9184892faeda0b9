package io.metrology.series;

import org.jspecify.annotations.Nullable;

/**
 * What is known of a chunk without reading its arrays.
 *
 * @param chunkIndex its place in its channel
 * @param pointCount the number of its points
 * @param earliestTime its least timestamp, Unix epoch seconds
 * @param latestTime its greatest timestamp, Unix epoch seconds
 * @param minValue its least value, or null where all are missing
 * @param maxValue its greatest value, or null where all are missing
 */
record HeldSummary(int chunkIndex, int pointCount, double earliestTime, double latestTime, @Nullable Double minValue,
		@Nullable Double maxValue) {
}
