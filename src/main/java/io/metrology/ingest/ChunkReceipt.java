package io.metrology.ingest;

import java.util.HexFormat;
import java.util.Locale;

import tools.jackson.core.JsonGenerator;

/**
 * What became of a chunk.
 *
 * @param key what identifies the chunk
 * @param totalPoints the points stored for the channel as of this chunk's commit, its own
 * included
 * @param outcome what was written
 * @param contentHash the chunk's content hash
 */
record ChunkReceipt(ChunkKey key, long totalPoints, Outcome outcome, byte[] contentHash) {

	/** Writes the documented answer. */
	void writeTo(JsonGenerator json) {
		json.writeStartObject()
			.writeStringProperty("data_id", this.key.dataId().toString())
			.writeStringProperty("channel_name", this.key.channelName())
			.writeNumberProperty("chunk_index", this.key.chunkIndex())
			.writeNumberProperty("total_points", this.totalPoints)
			.writeEndObject();
	}

	/** The content hash in hexadecimal. */
	String hash() {
		return HexFormat.of().formatHex(this.contentHash);
	}

	/** What was written. */
	enum Outcome {

		/** The chunk is new. */
		CREATED,
		/** The chunk took the place of one with the same key. */
		REPLACED,
		/** The same content was held already; nothing was written. */
		UNCHANGED;

		/** The outcome in a header or a metric. */
		String label() {
			return name().toLowerCase(Locale.ROOT);
		}

	}

}
