package io.metrology.ingest;

import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;

import io.metrology.ingest.Holdings.ChannelState;
import io.metrology.ingest.Holdings.ChannelTimes;
import io.metrology.ingest.Holdings.HeldChunk;
import io.metrology.ingest.Holdings.StreamState;

import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.PreparedStatementCallback;
import org.springframework.jdbc.core.RowCallbackHandler;

/**
 * Reads what the database holds of a batch. The channels are locked in key order, then
 * streams and chunks are read in later statements: had one statement done both, it could
 * give what was there before it waited for a lock.
 */
class HoldingsReader {

	// LATERAL fixes the plan: one look into the index for each key wanted, in the order
	// given. A join would be
	// planned once, while the tables are small, and would then read them whole for each
	// batch.
	private static final String CHANNELS = """
			SELECT held.*
			  FROM unnest(?::uuid[], ?::text[]) AS wanted (data_id, channel_name)
			 CROSS JOIN LATERAL (
			         SELECT c.data_id,
			                c.channel_name,
			                c.units,
			                c.total_points,
			                c.chunk_count,
			                c.highest_chunk_index,
			                c.revision,
			                c.earliest_time,
			                c.latest_time,
			                c.latest_chunk_index
			           FROM channel c
			          WHERE c.data_id = wanted.data_id
			            AND c.channel_name = wanted.channel_name
			          LIMIT 1
			          %s) AS held
			""";

	private static final String LOCK_CHANNELS = CHANNELS.formatted("FOR UPDATE");

	private static final String LOOK_AT_CHANNELS = CHANNELS.formatted("");

	private static final String STREAMS = """
			SELECT data_id,
			       finalized_at IS NOT NULL AS finalized,
			       deleted_at IS NOT NULL AS deleted
			  FROM stream
			 WHERE data_id = ANY (?)
			""";

	private static final String CHUNKS = """
			SELECT held.*
			  FROM unnest(?::uuid[], ?::text[], ?::integer[]) AS wanted (data_id, channel_name, chunk_index)
			 CROSS JOIN LATERAL (
			         SELECT k.data_id,
			                k.channel_name,
			                k.chunk_index,
			                k.point_count,
			                k.content_hash,
			                k.earliest_time,
			                k.latest_time,
			                k.received_at
			           FROM chunk k
			          WHERE k.data_id = wanted.data_id
			            AND k.channel_name = wanted.channel_name
			            AND k.chunk_index = wanted.chunk_index
			          LIMIT 1) AS held
			""";

	// One round trip, three statements, and so three snapshots: the later two see what
	// others committed while the
	// first waited for their locks.
	private static final String LOCK_AND_READ = LOCK_CHANNELS + ";" + STREAMS + ";" + CHUNKS;

	private static final String LOOK = LOOK_AT_CHANNELS + ";" + STREAMS + ";" + CHUNKS;

	// The index alone answers, as far as rows are visible to all.
	private static final String CHANNEL_COUNTS = """
			SELECT wanted.data_id,
			       (SELECT count(*)
			          FROM channel c
			         WHERE c.data_id = wanted.data_id) AS channels
			  FROM unnest(?::uuid[]) AS wanted (data_id)
			""";

	private final JdbcTemplate jdbc;

	HoldingsReader(JdbcTemplate jdbc) {
		this.jdbc = jdbc;
	}

	/** Locks the batch's channels until the end of the transaction, and reads. */
	Holdings lock(BatchKeys keys) {
		return read(keys, LOCK_AND_READ);
	}

	/** Reads without a lock. */
	Holdings look(BatchKeys keys) {
		return read(keys, LOOK);
	}

	/** Returns how many channels each of the batch's streams has. */
	Map<UUID, Integer> countChannels(BatchKeys keys) {
		Map<UUID, Integer> counts = new HashMap<>();
		this.jdbc.query(CHANNEL_COUNTS, (statement) -> keys.setStreams(statement, 1),
				(RowCallbackHandler) (row) -> counts.put(row.getObject(1, UUID.class), row.getInt(2)));
		return counts;
	}

	private Holdings read(BatchKeys keys, String statements) {
		Holdings holdings = new Holdings(new HashMap<>(), new HashMap<>(), new HashMap<>());
		this.jdbc.execute(statements, (PreparedStatementCallback<Boolean>) (statement) -> {
			keys.setChannels(statement, 1);
			keys.setStreams(statement, 3);
			keys.setChunks(statement, 4);
			statement.execute();
			readRows(statement, (row) -> holdings.channels()
				.put(new ChunkKey.Channel(row.getObject(1, UUID.class), row.getString(2)), channel(row)));
			statement.getMoreResults();
			readRows(statement, (row) -> holdings.streams().put(row.getObject(1, UUID.class), stream(row)));
			statement.getMoreResults();
			readRows(statement, (row) -> holdings.chunks()
				.put(new ChunkKey(row.getObject(1, UUID.class), row.getString(2), row.getInt(3)), chunk(row)));
			return true;
		});
		return holdings;
	}

	private static void readRows(PreparedStatement statement, RowCallbackHandler handler) throws SQLException {
		try (ResultSet rows = statement.getResultSet()) {
			while (rows.next()) {
				handler.processRow(rows);
			}
		}
	}

	private static ChannelState channel(ResultSet row) throws SQLException {
		boolean empty = row.getLong(5) == 0;
		return new ChannelState(row.getString(3), row.getLong(4), row.getLong(5), row.getInt(6), row.getLong(7), empty
				? ChannelTimes.NONE : new ChannelTimes(row.getDouble(8), row.getDouble(9), row.getInt(10), false));
	}

	private static StreamState stream(ResultSet row) throws SQLException {
		if (row.getBoolean(3)) {
			return StreamState.DELETED;
		}
		return row.getBoolean(2) ? StreamState.FINALIZED : StreamState.OPEN;
	}

	private static HeldChunk chunk(ResultSet row) throws SQLException {
		return new HeldChunk(row.getInt(4), row.getBytes(5), row.getDouble(6), row.getDouble(7),
				row.getObject(8, OffsetDateTime.class).toInstant());
	}

}
