package io.metrology.ingest;

import java.util.HexFormat;
import java.util.Locale;
import java.util.UUID;

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

	/** The answer on the wire. */
	Body body() {
		return new Body(this.key.dataId(), this.key.channelName(), this.key.chunkIndex(), this.totalPoints);
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

	/**
	 * The documented answer.
	 *
	 * @param dataId the stream
	 * @param channelName the channel
	 * @param chunkIndex the chunk's place in the channel
	 * @param totalPoints the points now stored for the channel
	 */
	record Body(UUID dataId, String channelName, int chunkIndex, long totalPoints) {

	}

}
