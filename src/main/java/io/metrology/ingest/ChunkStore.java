package io.metrology.ingest;

import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import io.metrology.http.Sqlstate;
import io.metrology.ingest.Holdings.ChannelState;
import io.metrology.ingest.WritePlan.PlannedChunk;

import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Chunks in PostgreSQL. Every write takes the same way: lock the channels, read what they
 * hold, decide, write, commit. The isolation must be READ COMMITTED.
 *
 * <p>
 * A stream's row is not locked by a chunk for a channel that exists. Whoever finalizes or
 * deletes a stream locks its row and then its channels, so a chunk that waited for its
 * channel sees the stream as it is afterwards. A chunk for a new channel locks the
 * stream's row first.
 */
@Repository
class ChunkStore {

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
			       received_at = excluded.received_at,
			       content_hash = excluded.content_hash,
			       earliest_time = excluded.earliest_time,
			       latest_time = excluded.latest_time,
			       min_value = excluded.min_value,
			       max_value = excluded.max_value,
			       missing_count = excluded.missing_count,
			       timestamps = excluded.timestamps,
			       "values" = excluded."values"
			""";

	private static final String UPDATE_CHANNEL = """
			UPDATE channel
			   SET units = ?,
			       total_points = ?,
			       chunk_count = ?,
			       highest_chunk_index = ?,
			       revision = ?,
			       earliest_time = ?,
			       latest_time = ?,
			       latest_chunk_index = ?,
			       last_received_at = clock_timestamp()
			 WHERE data_id = ?
			   AND channel_name = ?
			""";

	private static final String RETAKE_TIMES = """
			UPDATE channel c
			   SET (earliest_time, latest_time, latest_chunk_index) = (
			       SELECT min(k.earliest_time),
			              max(k.latest_time),
			              (array_agg(k.chunk_index ORDER BY k.latest_time DESC, k.chunk_index DESC))[1]
			         FROM chunk k
			        WHERE k.data_id = c.data_id
			          AND k.channel_name = c.channel_name)
			 WHERE c.data_id = ?
			   AND c.channel_name = ?
			""";

	private final JdbcTemplate jdbc;

	private final TransactionTemplate transaction;

	private final TransactionTemplate snapshot;

	private final HoldingsReader holdings;

	private final ChannelRegistry registry;

	private final IngestProperties properties;

	private final IngestMetrics metrics;

	ChunkStore(JdbcTemplate jdbc, PlatformTransactionManager transactions, HoldingsReader holdings,
			ChannelRegistry registry, IngestProperties properties, IngestMetrics metrics) {
		this.jdbc = jdbc;
		this.transaction = new TransactionTemplate(transactions);
		this.transaction.setIsolationLevel(TransactionDefinition.ISOLATION_READ_COMMITTED);
		this.snapshot = new TransactionTemplate(transactions);
		this.snapshot.setIsolationLevel(TransactionDefinition.ISOLATION_REPEATABLE_READ);
		this.snapshot.setReadOnly(true);
		this.holdings = holdings;
		this.registry = registry;
		this.properties = properties;
		this.metrics = metrics;
	}

	/**
	 * Writes a batch in one transaction; this is the only way in. Submissions are applied
	 * in order, no key may come twice. Once this returns, all that it calls stored is
	 * committed and flushed.
	 * @return one result for each submission, in order
	 * @throws CommitUnknownException if the outcome of the COMMIT could not be learned
	 */
	List<WriteResult> write(List<Submission> batch) {
		List<WriteResult> results = commit(batch, false);
		return results.isEmpty() ? commit(batch, true) : results;
	}

	/** What {@link #write} would answer now; nothing is locked or written. */
	List<WriteResult> preview(List<Submission> batch) {
		WritePlan plan = plan(this.snapshot.execute((status) -> this.holdings.look(BatchKeys.of(batch))));
		return batch.stream().map(plan::add).toList();
	}

	/**
	 * Empty if a channel is new: then nothing was done, and the batch must be written
	 * again with {@code creating}, which locks streams before channels.
	 */
	private List<WriteResult> commit(List<Submission> batch, boolean creating) {
		AtomicLong begun = new AtomicLong();
		AtomicLong committing = new AtomicLong();
		List<WriteResult> results;
		try {
			results = this.transaction.execute((status) -> {
				begun.set(System.nanoTime());
				List<WriteResult> planned = apply(batch, creating);
				if (planned.isEmpty()) {
					status.setRollbackOnly();
				}
				else {
					committing.set(System.nanoTime());
				}
				return planned;
			});
		}
		catch (RuntimeException ex) {
			throw (committing.get() != 0 && Sqlstate.of(ex).leavesCommitUnknown()) ? new CommitUnknownException(ex)
					: ex;
		}
		if (!results.isEmpty()) {
			this.metrics.committed(batch.stream().mapToInt((submission) -> submission.chunks().size()).sum(),
					System.nanoTime() - begun.get());
		}
		return results;
	}

	private List<WriteResult> apply(List<Submission> batch, boolean creating) {
		BatchKeys keys = BatchKeys.of(batch);
		if (creating) {
			this.registry.create(keys);
		}
		Holdings held = this.holdings.lock(keys);
		if (held.channels().size() < keys.channels().size() && !creating) {
			return List.of();
		}
		WritePlan plan = plan(held);
		List<WriteResult> results = batch.stream().map(plan::add).toList();
		store(plan);
		if (creating) {
			this.registry.dropEmpty(plan.emptyOf(keys.channels()));
		}
		return results;
	}

	private WritePlan plan(Holdings held) {
		return new WritePlan(held, this.properties.unitsMismatch(), this.registry.registersUnknown());
	}

	private void store(WritePlan plan) {
		if (plan.chunks().isEmpty()) {
			return;
		}
		this.jdbc.batchUpdate(WRITE_CHUNK, plan.chunks(), plan.chunks().size(), ChunkStore::setChunk);
		this.jdbc.batchUpdate(UPDATE_CHANNEL, plan.channels().entrySet(), plan.channels().size(),
				(statement, change) -> setChannel(statement, change.getKey(), change.getValue()));
		plan.channels().forEach((channel, state) -> {
			if (state.times().stale()) {
				this.jdbc.update(RETAKE_TIMES, channel.dataId(), channel.channelName());
			}
		});
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
		statement.setDouble(6, state.times().earliest());
		statement.setDouble(7, state.times().latest());
		statement.setInt(8, state.times().latestChunkIndex());
		statement.setObject(9, channel.dataId());
		statement.setString(10, channel.channelName());
	}

}
