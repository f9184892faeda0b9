package io.metrology.ingest;

import java.sql.Array;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

import io.metrology.http.Sqlstate;
import io.metrology.ingest.Holdings.ChannelState;
import io.metrology.ingest.Holdings.HeldChunk;
import io.metrology.ingest.Holdings.StreamState;
import io.metrology.ingest.WritePlan.PlannedChunk;
import io.metrology.stream.UnknownStreamProperties;
import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.RowCallbackHandler;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Chunks in PostgreSQL. Every write takes the same way: lock the channels in key order, read in a
 * later statement what they hold (an earlier one could be stale after the wait), decide, write,
 * commit. The isolation must be READ COMMITTED.
 *
 * <p>
 * A stream's row is not locked by a chunk for a channel that exists. Whoever finalizes or deletes a
 * stream locks its row and then its channels, so a chunk that waited for its channel sees the
 * stream as it is afterwards. A chunk for a new channel locks the stream's row first, FOR SHARE.
 */
@Repository
class ChunkStore {

	private static final String LOCK_CHANNELS = """
			SELECT c.data_id,
			       c.channel_name,
			       c.units,
			       c.total_points,
			       c.chunk_count,
			       c.highest_chunk_index,
			       c.revision
			  FROM channel c
			  JOIN unnest(?::uuid[], ?::text[]) AS wanted (data_id, channel_name)
			    ON c.data_id = wanted.data_id
			   AND c.channel_name = wanted.channel_name
			 ORDER BY c.data_id, c.channel_name
			""";

	private static final String READ_STREAMS = """
			SELECT data_id,
			       finalized_at IS NOT NULL AS finalized,
			       deleted_at IS NOT NULL AS deleted
			  FROM stream
			 WHERE data_id = ANY (?)
			 ORDER BY data_id
			""";

	private static final String READ_CHUNKS = """
			SELECT k.data_id,
			       k.channel_name,
			       k.chunk_index,
			       k.point_count,
			       k.content_hash
			  FROM chunk k
			  JOIN unnest(?::uuid[], ?::text[], ?::integer[]) AS wanted (data_id, channel_name, chunk_index)
			    ON k.data_id = wanted.data_id
			   AND k.channel_name = wanted.channel_name
			   AND k.chunk_index = wanted.chunk_index
			""";

	private static final String REGISTER_STREAMS = """
			INSERT INTO stream (data_id, processed_data_id)
			SELECT data_id, gen_random_uuid()
			  FROM unnest(?::uuid[]) AS unknown (data_id)
			 ORDER BY data_id
			ON CONFLICT DO NOTHING
			""";

	private static final String CREATE_CHANNELS = """
			INSERT INTO channel (data_id, channel_name)
			SELECT wanted.data_id,
			       wanted.channel_name
			  FROM unnest(?::uuid[], ?::text[]) AS wanted (data_id, channel_name)
			  JOIN stream s
			    ON s.data_id = wanted.data_id
			   AND s.finalized_at IS NULL
			   AND s.deleted_at IS NULL
			 ORDER BY wanted.data_id, wanted.channel_name COLLATE "C"
			ON CONFLICT DO NOTHING
			""";

	private static final String DROP_EMPTY_CHANNELS = """
			DELETE FROM channel c
			 USING unnest(?::uuid[], ?::text[]) AS empty (data_id, channel_name)
			 WHERE c.data_id = empty.data_id
			   AND c.channel_name = empty.channel_name
			   AND c.chunk_count = 0
			""";

	private static final String WRITE_CHUNK = """
			INSERT INTO chunk (data_id, channel_name, chunk_index,
			                   point_count, revision, content_hash,
			                   earliest_time, latest_time, min_value, max_value, missing_count,
			                   timestamps, "values")
			VALUES (?, ?, ?,
			        ?, ?, ?,
			        ?, ?, ?, ?, ?,
			        ?, ?)
			ON CONFLICT (data_id, channel_name, chunk_index) DO UPDATE
			   SET point_count = excluded.point_count,
			       revision = excluded.revision,
			       content_hash = excluded.content_hash,
			       earliest_time = excluded.earliest_time,
			       latest_time = excluded.latest_time,
			       min_value = excluded.min_value,
			       max_value = excluded.max_value,
			       missing_count = excluded.missing_count,
			       timestamps = excluded.timestamps,
			       "values" = excluded."values",
			       received_at = excluded.received_at
			""";

	private static final String UPDATE_CHANNEL = """
			UPDATE channel
			   SET units = ?,
			       total_points = ?,
			       chunk_count = ?,
			       highest_chunk_index = ?,
			       revision = ?,
			       last_received_at = clock_timestamp()
			 WHERE data_id = ?
			   AND channel_name = ?
			""";

	private final JdbcTemplate jdbc;

	private final TransactionTemplate transaction;

	private final TransactionTemplate snapshot;

	private final IngestProperties properties;

	private final boolean registering;

	private final IngestMetrics metrics;

	ChunkStore(JdbcTemplate jdbc, PlatformTransactionManager transactions, IngestProperties properties,
			UnknownStreamProperties unknownStreams, IngestMetrics metrics) {
		this.jdbc = jdbc;
		this.transaction = new TransactionTemplate(transactions);
		this.transaction.setIsolationLevel(TransactionDefinition.ISOLATION_READ_COMMITTED);
		this.snapshot = new TransactionTemplate(transactions);
		this.snapshot.setReadOnly(true);
		this.properties = properties;
		this.registering = unknownStreams.registers();
		this.metrics = metrics;
	}

	/**
	 * Writes a batch in one transaction; this is the only way in. Submissions are applied in order, no
	 * key may come twice. Once this returns, all that it calls stored is committed and flushed.
	 * @return one result for each submission, in order
	 * @throws CommitUnknownException if the outcome of the COMMIT could not be learned
	 */
	List<WriteResult> write(List<Submission> batch) {
		List<WriteResult> results = commit(batch, false);
		return (results != null) ? results : Objects.requireNonNull(commit(batch, true));
	}

	/** What {@link #write} would answer now; nothing is locked or written. */
	List<WriteResult> preview(List<Submission> batch) {
		return Objects.requireNonNull(this.snapshot.execute((status) -> {
			Keys keys = Keys.of(batch);
			Holdings holdings = holdings(keys, channels(keys, ""));
			WritePlan plan = plan(holdings);
			return batch.stream().map(plan::add).toList();
		}));
	}

	/** Null if a channel is new and must be created first, with its stream locked before it. */
	private @Nullable List<WriteResult> commit(List<Submission> batch, boolean creating) {
		AtomicLong begun = new AtomicLong();
		AtomicLong committing = new AtomicLong();
		List<WriteResult> results;
		try {
			results = this.transaction.execute((status) -> {
				begun.set(System.nanoTime());
				List<WriteResult> planned = apply(batch, creating);
				if (planned == null) {
					status.setRollbackOnly();
				}
				else {
					committing.set(System.nanoTime());
				}
				return planned;
			});
		}
		catch (RuntimeException ex) {
			throw (committing.get() != 0 && Sqlstate.of(ex).leavesCommitUnknown()) ? new CommitUnknownException(ex) : ex;
		}
		if (results != null) {
			this.metrics.committed(batch.stream().mapToInt((submission) -> submission.chunks().size()).sum(),
					System.nanoTime() - begun.get());
		}
		return results;
	}

	private @Nullable List<WriteResult> apply(List<Submission> batch, boolean creating) {
		Keys keys = Keys.of(batch);
		if (creating) {
			create(keys);
		}
		Map<ChunkKey.Channel, ChannelState> channels = channels(keys, "FOR UPDATE OF c");
		if (channels.size() < keys.channels().size() && !creating) {
			return null;
		}
		WritePlan plan = plan(holdings(keys, channels));
		List<WriteResult> results = batch.stream().map(plan::add).toList();
		store(plan);
		if (creating) {
			dropEmpty(plan.emptyOf(keys.channels()));
		}
		return results;
	}

	private WritePlan plan(Holdings holdings) {
		return new WritePlan(holdings, this.properties.unitsMismatch(), this.registering);
	}

	private void create(Keys keys) {
		if (this.registering) {
			this.jdbc.update(REGISTER_STREAMS, (statement) -> statement.setArray(1, keys.streamArray(statement)));
		}
		this.jdbc.query(READ_STREAMS + "FOR SHARE", (statement) -> statement.setArray(1, keys.streamArray(statement)),
				(RowCallbackHandler) (row) -> {
				});
		this.jdbc.update(CREATE_CHANNELS, (statement) -> Keys.setChannels(statement, keys.channels()));
	}

	private void dropEmpty(List<ChunkKey.Channel> channels) {
		if (!channels.isEmpty()) {
			this.jdbc.update(DROP_EMPTY_CHANNELS, (statement) -> Keys.setChannels(statement, channels));
		}
	}

	private Map<ChunkKey.Channel, ChannelState> channels(Keys keys, String lock) {
		Map<ChunkKey.Channel, ChannelState> channels = new HashMap<>();
		this.jdbc.query(LOCK_CHANNELS + lock, (statement) -> Keys.setChannels(statement, keys.channels()),
				(RowCallbackHandler) (row) -> channels.put(
						new ChunkKey.Channel(row.getObject(1, UUID.class), row.getString(2)), new ChannelState(
								row.getString(3), row.getLong(4), row.getLong(5), row.getInt(6), row.getLong(7))));
		return channels;
	}

	private Holdings holdings(Keys keys, Map<ChunkKey.Channel, ChannelState> channels) {
		Map<UUID, StreamState> streams = new HashMap<>();
		this.jdbc.query(READ_STREAMS, (statement) -> statement.setArray(1, keys.streamArray(statement)),
				(RowCallbackHandler) (row) -> streams.put(row.getObject(1, UUID.class), row.getBoolean(3)
						? StreamState.DELETED : row.getBoolean(2) ? StreamState.FINALIZED : StreamState.OPEN));
		Map<ChunkKey, HeldChunk> chunks = new HashMap<>();
		this.jdbc.query(READ_CHUNKS, (statement) -> Keys.setChunks(statement, keys.chunks()),
				(RowCallbackHandler) (row) -> chunks.put(
						new ChunkKey(row.getObject(1, UUID.class), row.getString(2), row.getInt(3)),
						new HeldChunk(row.getInt(4), row.getBytes(5))));
		return new Holdings(streams, channels, chunks);
	}

	private void store(WritePlan plan) {
		if (plan.chunks().isEmpty()) {
			return;
		}
		this.jdbc.batchUpdate(WRITE_CHUNK, plan.chunks(), plan.chunks().size(), ChunkStore::setChunk);
		this.jdbc.batchUpdate(UPDATE_CHANNEL, plan.channels().entrySet(), plan.channels().size(),
				(statement, change) -> setChannel(statement, change.getKey(), change.getValue()));
	}

	private static void setChunk(PreparedStatement statement, PlannedChunk planned) throws SQLException {
		Chunk chunk = planned.chunk();
		ChunkSummary summary = chunk.summary();
		statement.setObject(1, chunk.key().dataId());
		statement.setString(2, chunk.key().channelName());
		statement.setInt(3, chunk.key().chunkIndex());
		statement.setInt(4, chunk.pointCount());
		statement.setLong(5, planned.revision());
		statement.setBytes(6, chunk.contentHash());
		statement.setDouble(7, summary.earliestTime());
		statement.setDouble(8, summary.latestTime());
		statement.setObject(9, summary.minValue(), Types.DOUBLE);
		statement.setObject(10, summary.maxValue(), Types.DOUBLE);
		statement.setInt(11, summary.missingCount());
		statement.setObject(12, chunk.timestamps());
		statement.setObject(13, chunk.values());
	}

	private static void setChannel(PreparedStatement statement, ChunkKey.Channel channel, ChannelState state)
			throws SQLException {
		statement.setString(1, state.units());
		statement.setLong(2, state.totalPoints());
		statement.setLong(3, state.chunkCount());
		statement.setInt(4, state.highestChunkIndex());
		statement.setLong(5, state.revision());
		statement.setObject(6, channel.dataId());
		statement.setString(7, channel.channelName());
	}

	/**
	 * The keys that a batch is about.
	 *
	 * @param streams the streams, once each
	 * @param channels the channels, once each
	 * @param chunks the chunks
	 */
	private record Keys(Set<UUID> streams, Set<ChunkKey.Channel> channels, List<ChunkKey> chunks) {

		static Keys of(List<Submission> batch) {
			Set<UUID> streams = new LinkedHashSet<>();
			Set<ChunkKey.Channel> channels = new LinkedHashSet<>();
			List<ChunkKey> chunks = batch.stream()
				.flatMap((submission) -> submission.chunks().stream())
				.map(Chunk::key)
				.toList();
			for (ChunkKey key : chunks) {
				streams.add(key.dataId());
				channels.add(key.channel());
			}
			return new Keys(streams, channels, chunks);
		}

		Array streamArray(PreparedStatement statement) throws SQLException {
			return statement.getConnection().createArrayOf("uuid", this.streams.toArray());
		}

		static void setChannels(PreparedStatement statement, Collection<ChunkKey.Channel> channels)
				throws SQLException {
			statement.setArray(1, statement.getConnection()
				.createArrayOf("uuid", channels.stream().map(ChunkKey.Channel::dataId).toArray()));
			statement.setArray(2, statement.getConnection()
				.createArrayOf("text", channels.stream().map(ChunkKey.Channel::channelName).toArray()));
		}

		static void setChunks(PreparedStatement statement, List<ChunkKey> chunks) throws SQLException {
			statement.setArray(1,
					statement.getConnection().createArrayOf("uuid", chunks.stream().map(ChunkKey::dataId).toArray()));
			statement.setArray(2, statement.getConnection()
				.createArrayOf("text", chunks.stream().map(ChunkKey::channelName).toArray()));
			statement.setArray(3, statement.getConnection()
				.createArrayOf("integer", chunks.stream().map(ChunkKey::chunkIndex).toArray()));
		}

	}

}
