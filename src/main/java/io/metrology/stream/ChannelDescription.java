package io.metrology.stream;

import java.time.Instant;

import org.jspecify.annotations.Nullable;

/**
 * A channel as it stands.
 *
 * @param channelName its name
 * @param units the units of its values, or null where not said
 * @param totalPoints the points stored for it
 * @param chunkCount the chunks stored for it
 * @param highestChunkIndex the highest index of a chunk
 * @param missingChunks how many chunks below the highest are missing
 * @param earliestTime its least timestamp, Unix epoch seconds
 * @param latestTime its greatest timestamp, Unix epoch seconds
 * @param latestPoint the point with the greatest timestamp
 * @param lastReceivedAt when its latest chunk was written
 */
record ChannelDescription(String channelName, @Nullable String units, long totalPoints, long chunkCount,
		int highestChunkIndex, long missingChunks, double earliestTime, double latestTime, LatestPoint latestPoint,
		Instant lastReceivedAt) {

	/**
	 * A point.
	 *
	 * @param timestamp Unix epoch seconds
	 * @param value the measured value, or null where it is missing
	 */
	record LatestPoint(double timestamp, @Nullable Double value) {

	}

}
