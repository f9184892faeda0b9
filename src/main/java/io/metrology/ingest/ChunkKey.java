package io.metrology.ingest;

import java.util.Comparator;
import java.util.UUID;

/**
 * What identifies a chunk.
 *
 * @param dataId the stream
 * @param channelName the channel
 * @param chunkIndex the chunk's place in the channel, 0 to 2³¹−1
 */
record ChunkKey(UUID dataId, String channelName, int chunkIndex) {

	/** The channel that the chunk belongs to. */
	Channel channel() {
		return new Channel(this.dataId, this.channelName);
	}

	/** For messages: names all three parts. */
	@Override
	public String toString() {
		return "data_id " + this.dataId + ", channel " + this.channelName + ", chunk_index " + this.chunkIndex;
	}

	/**
	 * What identifies a channel.
	 *
	 * @param dataId the stream
	 * @param channelName the channel
	 */
	record Channel(UUID dataId, String channelName) {

	}

}
