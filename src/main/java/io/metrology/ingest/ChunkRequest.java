package io.metrology.ingest;

import java.util.UUID;

import io.metrology.http.Fault;
import io.metrology.http.StoredText;
import jakarta.validation.constraints.NotNull;
import org.jspecify.annotations.Nullable;

/**
 * A chunk as a client sent it. The two arrays' own rules are checked while they are read,
 * so that each fault is known by its index.
 *
 * @param dataId the stream
 * @param channelName the channel, 1 to 255 code points
 * @param chunkIndex the chunk's place in its channel, 0 to 2³¹−1
 * @param timestamps Unix epoch seconds, each within ± 9 223 372 036
 * @param values as many measured values, NaN = measured but missing
 * @param units the values' units, or null where not said
 */
record ChunkRequest(@NotNull(message = "is required") @Nullable UUID dataId,
		@NotNull(message = "is required") @StoredText(min = 1) @Nullable String channelName,
		@NotNull(message = "is required") @Nullable Integer chunkIndex,
		@NotNull(message = "is required") double @Nullable [] timestamps,
		@NotNull(message = "is required") double @Nullable [] values, @StoredText @Nullable String units) {

	/** The chunk, once the request was found valid. */
	Chunk toChunk() {
		if (this.dataId == null || this.channelName == null || this.chunkIndex == null || this.timestamps == null
				|| this.values == null) {
			throw new IllegalStateException("The request was not validated");
		}
		return Chunk.of(new ChunkKey(this.dataId, this.channelName, this.chunkIndex), this.timestamps, this.values,
				this.units);
	}

	/** What the request is about, as far as it could be read. */
	String subject() {
		StringBuilder subject = new StringBuilder();
		append(subject, "data_id ", this.dataId);
		append(subject, "channel ", (this.channelName != null) ? Fault.shown(this.channelName) : null);
		append(subject, "chunk_index ", this.chunkIndex);
		return subject.toString();
	}

	private static void append(StringBuilder subject, String name, @Nullable Object value) {
		if (value != null) {
			subject.append(subject.isEmpty() ? "" : ", ").append(name).append(value);
		}
	}

}
