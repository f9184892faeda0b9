package io.metrology.ingest;

import java.util.Arrays;
import java.util.Map;
import java.util.UUID;

import org.jspecify.annotations.Nullable;

/**
 * What the database holds of the streams, channels and chunks that a batch is about, as
 * of the moment at which their channels were locked.
 *
 * @param streams the streams that exist
 * @param channels the channels that exist
 * @param chunks the chunks that exist
 */
record Holdings(Map<UUID, StreamState> streams, Map<ChunkKey.Channel, ChannelState> channels,
		Map<ChunkKey, HeldChunk> chunks) {

	/** Whether a stream accepts data. */
	enum StreamState {

		OPEN, FINALIZED, DELETED

	}

	/**
	 * A stored chunk.
	 *
	 * @param pointCount its number of points
	 * @param contentHash its content hash
	 */
	record HeldChunk(int pointCount, byte[] contentHash) {

		boolean hasContentOf(Chunk chunk) {
			return Arrays.equals(this.contentHash, chunk.contentHash());
		}

	}

	/**
	 * The carried sums of a channel.
	 *
	 * @param units its units, or null where none were ever said
	 * @param totalPoints the sum of its chunks' points
	 * @param chunkCount the number of its chunks
	 * @param highestChunkIndex the highest index of a chunk, −1 where there is none
	 * @param revision counts the chunks written to it, replacements included
	 */
	record ChannelState(@Nullable String units, long totalPoints, long chunkCount, int highestChunkIndex,
			long revision) {

		static final ChannelState EMPTY = new ChannelState(null, 0, 0, -1, 0);

		/**
		 * The sums once a chunk is stored, in place of the one held under its key if
		 * there is one.
		 */
		ChannelState plus(Chunk chunk, @Nullable HeldChunk replaced) {
			long before = (replaced != null) ? replaced.pointCount() : 0;
			return new ChannelState((this.units != null) ? this.units : chunk.units(),
					this.totalPoints - before + chunk.pointCount(), this.chunkCount + ((replaced != null) ? 0 : 1),
					Math.max(this.highestChunkIndex, chunk.key().chunkIndex()), this.revision + 1);
		}

	}

}
