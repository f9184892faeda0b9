package io.metrology.check;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

/**
 * What a channel's row carries, or what its chunks add up to.
 *
 * @param totalPoints the points of all chunks
 * @param chunkCount how many chunks there are
 * @param highestChunkIndex the highest of their indexes, -1 where there is none
 * @param earliestTime the least of their times, null where there is none
 * @param latestTime the greatest of their times, null where there is none
 * @param latestChunkIndex the highest index of a chunk with the greatest time, null where
 * there is none
 */
record ChannelSums(long totalPoints, long chunkCount, int highestChunkIndex, @Nullable Double earliestTime,
		@Nullable Double latestTime, @Nullable Integer latestChunkIndex) {

	static final ChannelSums EMPTY = new ChannelSums(0, 0, -1, null, null, null);

	/** The columns of a channel, in the order of {@link #read}. */
	static final String COLUMNS = """
			       c.total_points,
			       c.chunk_count,
			       c.highest_chunk_index,
			       c.earliest_time,
			       c.latest_time,
			       c.latest_chunk_index
			""".stripTrailing();

	static ChannelSums read(ResultSet row, int first) throws SQLException {
		return new ChannelSums(row.getLong(first), row.getLong(first + 1), row.getInt(first + 2),
				row.getObject(first + 3, Double.class), row.getObject(first + 4, Double.class),
				row.getObject(first + 5, Integer.class));
	}

	/** Says where a channel's row differs from what its chunks add up to. */
	List<String> faults(ChannelSums chunks) {
		return Stream
			.of(Finding.difference("total_points", this.totalPoints, chunks.totalPoints),
					Finding.difference("chunk_count", this.chunkCount, chunks.chunkCount),
					Finding.difference("highest_chunk_index", this.highestChunkIndex, chunks.highestChunkIndex),
					Finding.difference("earliest_time", this.earliestTime, chunks.earliestTime),
					Finding.difference("latest_time", this.latestTime, chunks.latestTime),
					Finding.difference("latest_chunk_index", this.latestChunkIndex, chunks.latestChunkIndex))
			.filter(Objects::nonNull)
			.map(Objects::requireNonNull)
			.toList();
	}

}
