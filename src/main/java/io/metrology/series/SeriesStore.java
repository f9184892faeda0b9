package io.metrology.series;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;

import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.core.simple.JdbcClient.StatementSpec;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/**
 * Reads series, in pages: each is one statement, and neither a snapshot nor a connection
 * outlives it. A chunk is one row, so that it is read as it was or as it is, never torn.
 */
@Repository
class SeriesStore {

	/** A page ends with the chunk that brings it to this many points. */
	private static final int PAGE_POINTS = 65_536;

	private static final String STREAM = """
			SELECT deleted_at IS NOT NULL AS deleted
			  FROM stream
			 WHERE data_id = :data_id
			""";

	/** A channel without a chunk is about to be created, and nothing to read. */
	private static final String CHANNELS = """
			SELECT channel_name,
			       units,
			       revision,
			       total_points,
			       chunk_count,
			       highest_chunk_index,
			       earliest_time,
			       latest_time
			  FROM channel
			 WHERE data_id = :data_id
			   AND chunk_count > 0
			 ORDER BY channel_name
			""";

	// The inner query is bounded in rows and reads no arrays, the outer one in points.
	private static final String PAGE = """
			SELECT chunk_index,
			       array_send(timestamps),
			       array_send("values")
			  FROM (SELECT chunk_index,
			               timestamps,
			               "values",
			               sum(point_count) OVER (ORDER BY chunk_index) - point_count AS points_before
			          FROM (SELECT *
			                  FROM chunk
			                 WHERE data_id = :data_id
			                   AND channel_name = :channel_name
			                   AND chunk_index > :after
			                   AND chunk_index <= :last
			                   AND latest_time >= :start
			                   AND earliest_time < :end
			                   AND latest_time - :origin > :elapsed
			                 ORDER BY chunk_index
			                 LIMIT 1000) AS next) AS counted
			 WHERE points_before < :points
			 ORDER BY chunk_index
			""";

	private static final String ONE = """
			SELECT chunk_index,
			       array_send(timestamps),
			       array_send("values")
			  FROM chunk
			 WHERE data_id = :data_id
			   AND channel_name = :channel_name
			   AND chunk_index = :chunk_index
			""";

	private final JdbcClient jdbc;

	SeriesStore(JdbcClient jdbc) {
		this.jdbc = jdbc;
	}

	/**
	 * The stream with its channels.
	 * @throws ProblemException {@code stream_unknown} or {@code stream_deleted}
	 */
	Series series(UUID dataId) {
		requireLive(dataId);
		return new Series(dataId, this.jdbc.sql(CHANNELS).param("data_id", dataId).query(SeriesStore::channel).list());
	}

	/**
	 * Throws where there is no stream, or no longer.
	 * @throws ProblemException {@code stream_unknown} or {@code stream_deleted}
	 */
	void requireLive(UUID dataId) {
		boolean deleted = this.jdbc.sql(STREAM)
			.param("data_id", dataId)
			.query(Boolean.class)
			.optional()
			.orElseThrow(() -> new ProblemException(ErrorCode.STREAM_UNKNOWN,
					"No stream has this data_id (data_id " + dataId + ")."));
		if (deleted) {
			throw new ProblemException(ErrorCode.STREAM_DELETED, "The stream was deleted (data_id " + dataId + ").");
		}
	}

	/**
	 * The next chunks of a channel that may have points in a window, empty at the end.
	 * @param after the index after which they are
	 * @param last the last index that is read
	 */
	List<StoredChunk> page(UUID dataId, String channelName, TimeWindow window, int after, int last) {
		return within(window, this.jdbc.sql(PAGE)).param("data_id", dataId)
			.param("channel_name", channelName)
			.param("after", after)
			.param("last", last)
			.param("points", PAGE_POINTS)
			.query(SeriesStore::chunk)
			.list();
	}

	/** A chunk, or null where it is not held. */
	@Nullable StoredChunk chunk(UUID dataId, String channelName, int chunkIndex) {
		return this.jdbc.sql(ONE)
			.param("data_id", dataId)
			.param("channel_name", channelName)
			.param("chunk_index", chunkIndex)
			.query(SeriesStore::chunk)
			.optional()
			.orElse(null);
	}

	static StatementSpec within(TimeWindow window, StatementSpec statement) {
		return statement.param("start", window.start())
			.param("end", window.end())
			.param("origin", window.origin())
			.param("elapsed", window.elapsed());
	}

	private static StoredChunk chunk(ResultSet row, int index) throws SQLException {
		return new StoredChunk(row.getInt(1), StoredChunk.doubles(row.getBytes(2)),
				StoredChunk.doubles(row.getBytes(3)));
	}

	private static Series.Channel channel(ResultSet row, int index) throws SQLException {
		return new Series.Channel(row.getString("channel_name"), row.getString("units"), row.getLong("revision"),
				row.getLong("total_points"), row.getLong("chunk_count"), row.getInt("highest_chunk_index"),
				row.getDouble("earliest_time"), row.getDouble("latest_time"));
	}

}
