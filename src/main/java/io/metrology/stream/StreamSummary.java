package io.metrology.stream;

import java.time.Instant;
import java.util.UUID;

import org.jspecify.annotations.Nullable;

/**
 * A stream, without its channels.
 *
 * @param dataId the stream
 * @param processedDataId the result that it becomes
 * @param streamName its name for people
 * @param status how it stands
 * @param pointsPerChunk what the client declared, null where its first chunk registered
 * it
 * @param synthSourceId the growth instrument
 * @param physicalSampleId the sample
 * @param projectId the project
 * @param createdAt when it was made
 * @param lastReceivedAt when its latest chunk was written, or null
 * @param finalizedAt when it was finalized, or null
 * @param channelCount the number of its channels
 * @param totalPoints the points of all its channels
 */
record StreamSummary(UUID dataId, UUID processedDataId, @Nullable String streamName, StreamStatus status,
		@Nullable Integer pointsPerChunk, @Nullable Long synthSourceId, @Nullable UUID physicalSampleId,
		@Nullable UUID projectId, Instant createdAt, @Nullable Instant lastReceivedAt, @Nullable Instant finalizedAt,
		int channelCount, long totalPoints) {
}
