package io.metrology.series;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;

import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** Looks up which chunks of a channel are held. What it costs depends on them alone. */
@Repository
class HeldChunksStore {

	// A range begins where the chunk before is not held. Each beginning brings the end of
	// the range before it, and the index is read in order no further than needed.
	private static final String BEGINNINGS = """
			SELECT chunk_index,
			       held_before
			  FROM (SELECT chunk_index,
			               lag(chunk_index) OVER (ORDER BY chunk_index) AS held_before
			          FROM chunk
			         WHERE data_id = :data_id
			           AND channel_name = :channel_name
			           AND chunk_index > :after
			           AND chunk_index <= :last) AS held
			 WHERE held_before IS DISTINCT FROM chunk_index - 1
			 ORDER BY chunk_index
			 LIMIT :limit
			""";

	private static final String DETAILS = """
			SELECT chunk_index,
			       point_count,
			       earliest_time,
			       latest_time,
			       min_value,
			       max_value,
			       missing_count,
			       revision,
			       content_hash,
			       received_at
			  FROM chunk
			 WHERE data_id = :data_id
			   AND channel_name = :channel_name
			   AND chunk_index > :after
			 ORDER BY chunk_index
			 LIMIT :limit
			""";

	private final JdbcClient jdbc;

	HeldChunksStore(JdbcClient jdbc) {
		this.jdbc = jdbc;
	}

	/** The first ranges of held chunks after an index, in order. */
	List<Range> held(UUID dataId, Series.Channel channel, int after, int limit) {
		int highest = channel.highestChunkIndex();
		if (after >= highest) {
			return List.of();
		}
		if (after < 0 && channel.chunkCount() == highest + 1L) {
			return List.of(new Range(0, highest));
		}
		List<Beginning> beginnings = this.jdbc.sql(BEGINNINGS)
			.param("data_id", dataId)
			.param("channel_name", channel.name())
			.param("after", after)
			.param("last", highest)
			.param("limit", limit + 1)
			.query((row, index) -> new Beginning(row.getInt(1), row.getObject(2, Integer.class)))
			.list();
		List<Range> ranges = new ArrayList<>();
		for (int i = 0; i < Math.min(limit, beginnings.size()); i++) {
			Integer end = (i + 1 < beginnings.size()) ? beginnings.get(i + 1).heldBefore() : Integer.valueOf(highest);
			ranges.add(new Range(beginnings.get(i).chunkIndex(), (end != null) ? end : highest));
		}
		return ranges;
	}

	/** The next chunks after an index. */
	List<HeldChunk> details(UUID dataId, String channelName, int after, int limit) {
		return this.jdbc.sql(DETAILS)
			.param("data_id", dataId)
			.param("channel_name", channelName)
			.param("after", after)
			.param("limit", limit)
			.query(HeldChunksStore::chunk)
			.list();
	}

	private static HeldChunk chunk(ResultSet row, int index) throws SQLException {
		return new HeldChunk(row.getInt("chunk_index"), row.getInt("point_count"), row.getDouble("earliest_time"),
				row.getDouble("latest_time"), row.getObject("min_value", Double.class),
				row.getObject("max_value", Double.class), row.getInt("missing_count"), row.getLong("revision"),
				HexFormat.of().formatHex(row.getBytes("content_hash")),
				row.getObject("received_at", OffsetDateTime.class).toInstant());
	}

	/**
	 * Where a range of held chunks begins.
	 *
	 * @param chunkIndex its first chunk
	 * @param heldBefore the last chunk of the range before, or null
	 */
	private record Beginning(int chunkIndex, @Nullable Integer heldBefore) {

	}

	/**
	 * Indexes one after the other.
	 *
	 * @param first the first
	 * @param last the last, included
	 */
	record Range(long first, long last) {

		/** What is left out between an index and the last of some ranges. */
		static List<Range> between(long after, List<Range> ranges) {
			List<Range> gaps = new ArrayList<>();
			long end = after;
			for (Range range : ranges) {
				if (range.first > end + 1) {
					gaps.add(new Range(end + 1, range.first - 1));
				}
				end = range.last;
			}
			return gaps;
		}

	}

	/**
	 * A chunk that is held.
	 *
	 * @param chunkIndex its place in its channel
	 * @param pointCount the number of its points
	 * @param earliestTime its least timestamp, Unix epoch seconds
	 * @param latestTime its greatest timestamp, Unix epoch seconds
	 * @param minValue its least value, or null where all are missing
	 * @param maxValue its greatest value, or null where all are missing
	 * @param missingCount how many of its values are missing
	 * @param revision the channel's revision when it was written
	 * @param contentHash the SHA-256 of its points, in hexadecimal
	 * @param receivedAt when it was written
	 */
	record HeldChunk(int chunkIndex, int pointCount, double earliestTime, double latestTime, @Nullable Double minValue,
			@Nullable Double maxValue, int missingCount, long revision, String contentHash, Instant receivedAt) {

	}

}
