package io.metrology.stream;

import java.util.UUID;

import io.metrology.http.RequestFields;
import io.metrology.http.StoredText;
import jakarta.validation.constraints.NotNull;
import org.jspecify.annotations.Nullable;

/**
 * What a client says of a stream that it is about to send.
 *
 * @param pointsPerChunk how many points it means to send in a chunk, a declaration and no
 * limit
 * @param streamName a name for people, at most 255 code points
 * @param synthSourceId the growth instrument
 * @param physicalSampleId the sample
 * @param projectId the project
 */
record InitializeRequest(@NotNull(message = "is required") @Nullable Integer pointsPerChunk,
		@StoredText @Nullable String streamName, @Nullable Long synthSourceId, @Nullable UUID physicalSampleId,
		@Nullable UUID projectId) {

	static InitializeRequest of(RequestFields fields) {
		return new InitializeRequest(fields.integer("points_per_chunk", 1, Integer.MAX_VALUE),
				fields.text("stream_name"), fields.integer("synth_source_id", Long.MIN_VALUE, Long.MAX_VALUE),
				fields.uuid("physical_sample_id"), fields.uuid("project_id"));
	}

}
