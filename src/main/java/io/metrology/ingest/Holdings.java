package io.metrology.ingest;

import java.time.Instant;
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
	 * @param earliestTime its least timestamp, epoch seconds
	 * @param latestTime its greatest timestamp, epoch seconds
	 * @param receivedAt when this content was written, by the clock of the database
	 */
	record HeldChunk(int pointCount, byte[] contentHash, double earliestTime, double latestTime, Instant receivedAt) {

		boolean hasContentOf(Chunk chunk) {
			return Arrays.equals(this.contentHash, chunk.contentHash());
		}

	}

	/**
	 * What a channel's row carries of its chunks.
	 *
	 * @param units its units, or null where none were ever said
	 * @param totalPoints the sum of its chunks' points
	 * @param chunkCount the number of its chunks
	 * @param highestChunkIndex the highest index of a chunk, −1 where there is none
	 * @param revision counts its changes: chunks written, units corrected, its stream
	 * ended
	 * @param times its time range
	 */
	record ChannelState(@Nullable String units, long totalPoints, long chunkCount, int highestChunkIndex, long revision,
			ChannelTimes times) {

		static final ChannelState EMPTY = new ChannelState(null, 0, 0, -1, 0, ChannelTimes.NONE);

		/**
		 * The state once a chunk is stored, in place of the one held under its key if
		 * there is one.
		 */
		ChannelState plus(Chunk chunk, @Nullable HeldChunk replaced) {
			long before = (replaced != null) ? replaced.pointCount() : 0;
			return new ChannelState((this.units != null) ? this.units : chunk.units(),
					this.totalPoints - before + chunk.pointCount(), this.chunkCount + ((replaced != null) ? 0 : 1),
					Math.max(this.highestChunkIndex, chunk.key().chunkIndex()), this.revision + 1,
					this.times.plus(chunk, replaced));
		}

	}

	/**
	 * The time range that a channel's row carries.
	 *
	 * @param earliest the least timestamp, epoch seconds, +∞ where there is none
	 * @param latest the greatest timestamp, epoch seconds, −∞ where there is none
	 * @param latestChunkIndex the highest index of a chunk that has the greatest
	 * timestamp
	 * @param stale whether a chunk at the edge of the range was replaced by one that no
	 * longer reaches it, so that the range must be taken from the chunks again
	 */
	record ChannelTimes(double earliest, double latest, int latestChunkIndex, boolean stale) {

		static final ChannelTimes NONE = new ChannelTimes(Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, -1,
				false);

		ChannelTimes plus(Chunk chunk, @Nullable HeldChunk replaced) {
			ChunkSummary summary = chunk.summary();
			int index = chunk.key().chunkIndex();
			boolean isLatest = summary.latestTime() > this.latest
					|| (summary.latestTime() == this.latest && index > this.latestChunkIndex);
			return new ChannelTimes(Math.min(this.earliest, summary.earliestTime()),
					Math.max(this.latest, summary.latestTime()), isLatest ? index : this.latestChunkIndex,
					this.stale || (replaced != null && uncovers(summary, index, replaced)));
		}

		private boolean uncovers(ChunkSummary summary, int index, HeldChunk replaced) {
			boolean start = replaced.earliestTime() <= this.earliest && summary.earliestTime() > this.earliest;
			boolean end = index == this.latestChunkIndex && summary.latestTime() < this.latest;
			return start || end;
		}

	}

}
