package io.metrology.ingest;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
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
	record Channel(UUID dataId, String channelName) implements Comparable<Channel> {

		/**
		 * The order of PostgreSQL's {@code uuid} and of its texts under
		 * {@code COLLATE "C"}: by unsigned bytes, those of the text as UTF-8.
		 */
		@Override
		public int compareTo(Channel other) {
			int order = Long.compareUnsigned(this.dataId.getMostSignificantBits(),
					other.dataId.getMostSignificantBits());
			if (order == 0) {
				order = Long.compareUnsigned(this.dataId.getLeastSignificantBits(),
						other.dataId.getLeastSignificantBits());
			}
			return (order != 0) ? order : Arrays.compareUnsigned(this.channelName.getBytes(StandardCharsets.UTF_8),
					other.channelName.getBytes(StandardCharsets.UTF_8));
		}

	}

}
