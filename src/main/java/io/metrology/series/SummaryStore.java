package io.metrology.series;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/**
 * Reads the summaries of chunks, in pages. They stand in the index of the primary key, so
 * that the arrays are not touched.
 */
@Repository
class SummaryStore {

	/** Chunks a page. */
	static final int PAGE = 10_000;

	private static final String FORWARD = """
			SELECT chunk_index,
			       point_count,
			       earliest_time,
			       latest_time,
			       min_value,
			       max_value
			  FROM chunk
			 WHERE data_id = :data_id
			   AND channel_name = :channel_name
			   AND chunk_index > :after
			   AND chunk_index <= :last
			 ORDER BY chunk_index
			 LIMIT :limit
			""";

	private static final String BACKWARD = """
			SELECT chunk_index,
			       point_count,
			       earliest_time,
			       latest_time,
			       min_value,
			       max_value
			  FROM chunk
			 WHERE data_id = :data_id
			   AND channel_name = :channel_name
			   AND chunk_index < :before
			 ORDER BY chunk_index DESC
			 LIMIT :limit
			""";

	private static final String OVERLAPPING = """
			SELECT count(*) AS chunks,
			       coalesce(sum(point_count), 0) AS points
			  FROM chunk
			 WHERE data_id = :data_id
			   AND channel_name = :channel_name
			   AND chunk_index <= :last
			   AND latest_time >= :start
			   AND earliest_time < :end
			   AND latest_time - :origin > :elapsed
			""";

	// An extreme that was replaced since its summary was read is not found by value: so
	// the row's own summary says what to look for.
	private static final String EXTREMES = """
			SELECT k.chunk_index,
			       wanted.greatest,
			       found.position,
			       k.timestamps[found.position],
			       k."values"[found.position]
			  FROM unnest(:indexes::integer[], :greatest::boolean[]) AS wanted (chunk_index, greatest)
			  JOIN chunk k
			    ON k.data_id = :data_id
			   AND k.channel_name = :channel_name
			   AND k.chunk_index = wanted.chunk_index
			 CROSS JOIN LATERAL (
			         SELECT coalesce(array_position(k."values",
			                                        CASE WHEN wanted.greatest THEN k.max_value ELSE k.min_value END),
			                         1) AS position) AS found
			""";

	private final JdbcClient jdbc;

	SummaryStore(JdbcClient jdbc) {
		this.jdbc = jdbc;
	}

	/** The next chunks after an index, up to a last one; empty at the end. */
	List<HeldSummary> forward(UUID dataId, String channelName, int after, int last) {
		return this.jdbc.sql(FORWARD)
			.param("data_id", dataId)
			.param("channel_name", channelName)
			.param("after", after)
			.param("last", last)
			.param("limit", PAGE)
			.query(SummaryStore::summary)
			.list();
	}

	/** The next chunks before an index, the highest first; empty at the beginning. */
	List<HeldSummary> backward(UUID dataId, String channelName, long before) {
		return this.jdbc.sql(BACKWARD)
			.param("data_id", dataId)
			.param("channel_name", channelName)
			.param("before", before)
			.param("limit", PAGE / 10)
			.query(SummaryStore::summary)
			.list();
	}

	/** How many chunks may have points in a window, and all of their points. */
	Extent extent(UUID dataId, Series.Channel channel, TimeWindow window) {
		if (window.isUnlimited()) {
			return new Extent(channel.chunkCount(), channel.totalPoints());
		}
		return SeriesStore.within(window, this.jdbc.sql(OVERLAPPING))
			.param("data_id", dataId)
			.param("channel_name", channel.name())
			.param("last", channel.highestChunkIndex())
			.query((row, index) -> new Extent(row.getLong("chunks"), row.getLong("points")))
			.single();
	}

	/** The points where chunks have their least or greatest value, the first of each. */
	List<Extreme> extremes(UUID dataId, String channelName, List<Wanted> wanted) {
		return this.jdbc.sql(EXTREMES)
			.param("data_id", dataId)
			.param("channel_name", channelName)
			.param("indexes", wanted.stream().map(Wanted::chunkIndex).toArray(Integer[]::new))
			.param("greatest", wanted.stream().map(Wanted::greatest).toArray(Boolean[]::new))
			.query((row, index) -> new Extreme(new Wanted(row.getInt(1), row.getBoolean(2)), row.getInt(3) - 1,
					row.getDouble(4), row.getDouble(5)))
			.list();
	}

	private static HeldSummary summary(ResultSet row, int index) throws SQLException {
		return new HeldSummary(row.getInt(1), row.getInt(2), row.getDouble(3), row.getDouble(4),
				row.getObject(5, Double.class), row.getObject(6, Double.class));
	}

	/**
	 * How much there is.
	 *
	 * @param chunks the chunks
	 * @param points their points
	 */
	record Extent(long chunks, long points) {

	}

	/**
	 * An extreme to be found.
	 *
	 * @param chunkIndex the chunk in which it is
	 * @param greatest whether it is the greatest value, or the least
	 */
	record Wanted(int chunkIndex, boolean greatest) {

	}

	/**
	 * An extreme that was found; the first point of a chunk in which all values are
	 * missing.
	 *
	 * @param wanted what was looked for
	 * @param position its place in its chunk, from 0
	 * @param time its timestamp, Unix epoch seconds
	 * @param value its value, NaN = missing
	 */
	record Extreme(Wanted wanted, int position, double time, double value) {

	}

}
