package io.metrology.series;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

import javax.sql.DataSource;

import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** Reads series, in pages: no snapshot outlives the reading of a page. */
@Repository
class SeriesStore {

	/** A page ends with the chunk that brings it to this many points: 4 MB of arrays. */
	private static final int PAGE_POINTS = 250_000;

	private static final int FETCH_ROWS = 64;

	private static final String SERIES = """
			SELECT s.deleted_at IS NOT NULL AS deleted,
			       (SELECT min(k.earliest_time) FROM chunk k WHERE k.data_id = s.data_id) AS earliest_time,
			       (SELECT max(k.latest_time) FROM chunk k WHERE k.data_id = s.data_id) AS latest_time
			  FROM stream s
			 WHERE s.data_id = :data_id
			""";

	private static final String CHANNELS = """
			SELECT channel_name,
			       units
			  FROM channel
			 WHERE data_id = :data_id
			 ORDER BY channel_name
			""";

	private static final String PAGE = """
			SELECT chunk_index,
			       array_send(timestamps),
			       array_send("values")
			  FROM chunk
			 WHERE data_id = ?
			   AND channel_name = ?
			   AND chunk_index > ?
			 ORDER BY chunk_index
			""";

	private final JdbcClient jdbc;

	private final JdbcTemplate pages;

	private final TransactionTemplate snapshot;

	SeriesStore(JdbcClient jdbc, DataSource database, PlatformTransactionManager transactions) {
		this.jdbc = jdbc;
		this.pages = new JdbcTemplate(database);
		this.pages.setFetchSize(FETCH_ROWS);
		this.snapshot = new TransactionTemplate(transactions);
		this.snapshot.setReadOnly(true);
	}

	/** The stream's time range, or nothing where it was never made. */
	Optional<TimeRange> timeRange(UUID dataId) {
		return this.jdbc.sql(SERIES)
			.param("data_id", dataId)
			.query((row, index) -> new TimeRange(row.getBoolean(1), row.getObject(2, Double.class),
					row.getObject(3, Double.class)))
			.optional();
	}

	/** The stream's channels, by name. */
	List<ChannelUnits> channels(UUID dataId) {
		return this.jdbc.sql(CHANNELS)
			.param("data_id", dataId)
			.query((row, index) -> new ChannelUnits(row.getString(1), row.getString(2)))
			.list();
	}

	/** The next chunks of a channel after an index, empty at the end. */
	List<StoredChunk> page(UUID dataId, String channelName, int afterIndex) {
		List<StoredChunk> page = this.snapshot
			.execute((status) -> this.pages.query(PAGE, SeriesStore::readPage, dataId, channelName, afterIndex));
		return (page != null) ? page : List.of();
	}

	private static List<StoredChunk> readPage(ResultSet rows) throws SQLException {
		List<StoredChunk> page = new ArrayList<>();
		int points = 0;
		while (points < PAGE_POINTS && rows.next()) {
			StoredChunk chunk = new StoredChunk(rows.getInt(1), StoredChunk.doubles(rows.getBytes(2)),
					StoredChunk.doubles(rows.getBytes(3)));
			page.add(chunk);
			points += chunk.timestamps().length;
		}
		return page;
	}

	/**
	 * The times between which a stream has points.
	 *
	 * @param isDeleted whether the stream was deleted
	 * @param earliest Unix epoch seconds, or null where there is no point
	 * @param latest Unix epoch seconds, or null where there is no point
	 */
	record TimeRange(boolean isDeleted, @Nullable Double earliest, @Nullable Double latest) {

	}

	/**
	 * A channel.
	 *
	 * @param name its name
	 * @param units its units, or null where not said
	 */
	record ChannelUnits(String name, @Nullable String units) {

	}

}
