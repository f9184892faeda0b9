package io.metrology.ingest;

import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

import javax.sql.DataSource;

import io.metrology.http.Sqlstate;
import io.metrology.ingest.Holdings.ChannelState;
import io.metrology.ingest.WritePlan.PlannedChunk;

import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.PreparedStatementCallback;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.stereotype.Repository;
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

	// One round trip for all that a batch writes: a row of VALUES for each chunk, and
	// then the channels.
	private static final String WRITE = """
			INSERT INTO chunk (data_id, channel_name, chunk_index,
			                   point_count, revision, content_hash,
			                   earliest_time, latest_time, min_value, max_value, missing_count,
			                   timestamps, "values")
			VALUES %s
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
			       "values" = excluded."values";
			UPDATE channel c
			   SET units = after.units,
			       total_points = after.total_points,
			       chunk_count = after.chunk_count,
			       highest_chunk_index = after.highest_chunk_index,
			       revision = after.revision,
			       earliest_time = after.earliest_time,
			       latest_time = after.latest_time,
			       latest_chunk_index = after.latest_chunk_index,
			       last_received_at = clock_timestamp()
			  FROM unnest(?::uuid[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::integer[], ?::bigint[],
			              ?::float8[], ?::float8[], ?::integer[])
			       AS after (data_id, channel_name, units, total_points, chunk_count, highest_chunk_index, revision,
			                 earliest_time, latest_time, latest_chunk_index)
			 WHERE c.data_id = after.data_id
			   AND c.channel_name = after.channel_name
			""";

	private static final String ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

	private static final int ROW_PARAMETERS = 13;

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

	ChunkStore(JdbcTemplate jdbc, DataSource database, HoldingsReader holdings, ChannelRegistry registry,
			IngestProperties properties, IngestMetrics metrics) {
		this.jdbc = jdbc;
		// Without JPA's session, which nothing here needs. The pool's connections are
		// READ COMMITTED; to set that here
		// would ask each for its level first.
		JdbcTransactionManager transactions = new JdbcTransactionManager(database);
		this.transaction = new TransactionTemplate(transactions);
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
		String rows = String.join(", ", Collections.nCopies(plan.chunks().size(), ROW));
		this.jdbc.execute(WRITE.formatted(rows), (PreparedStatementCallback<Boolean>) (statement) -> {
			int next = 1;
			for (PlannedChunk planned : plan.chunks()) {
				setChunk(statement, next, planned);
				next += ROW_PARAMETERS;
			}
			setChannels(statement, next, plan.channels());
			return statement.execute();
		});
		plan.channels().forEach((channel, state) -> {
			if (state.times().stale()) {
				this.jdbc.update(RETAKE_TIMES, channel.dataId(), channel.channelName());
			}
		});
	}

	private static void setChunk(PreparedStatement statement, int first, PlannedChunk planned) throws SQLException {
		Chunk chunk = planned.chunk();
		ChunkSummary summary = chunk.summary();
		statement.setObject(first, chunk.key().dataId());
		statement.setString(first + 1, chunk.key().channelName());
		statement.setInt(first + 2, chunk.key().chunkIndex());
		statement.setInt(first + 3, chunk.pointCount());
		statement.setLong(first + 4, planned.revision());
		statement.setBytes(first + 5, chunk.contentHash());
		statement.setDouble(first + 6, summary.earliestTime());
		statement.setDouble(first + 7, summary.latestTime());
		statement.setObject(first + 8, summary.minValue(), Types.DOUBLE);
		statement.setObject(first + 9, summary.maxValue(), Types.DOUBLE);
		statement.setInt(first + 10, summary.missingCount());
		statement.setObject(first + 11, chunk.timestamps());
		statement.setObject(first + 12, chunk.values());
	}

	private static void setChannels(PreparedStatement statement, int first,
			Map<ChunkKey.Channel, ChannelState> channels) throws SQLException {
		BatchKeys.setChannels(statement, first, channels.keySet());
		Collection<ChannelState> after = channels.values();
		BatchKeys.set(statement, first + 2, "text", after, ChannelState::units);
		BatchKeys.set(statement, first + 3, "int8", after, ChannelState::totalPoints);
		BatchKeys.set(statement, first + 4, "int8", after, ChannelState::chunkCount);
		BatchKeys.set(statement, first + 5, "int4", after, ChannelState::highestChunkIndex);
		BatchKeys.set(statement, first + 6, "int8", after, ChannelState::revision);
		BatchKeys.set(statement, first + 7, "float8", after, (state) -> state.times().earliest());
		BatchKeys.set(statement, first + 8, "float8", after, (state) -> state.times().latest());
		BatchKeys.set(statement, first + 9, "int4", after, (state) -> state.times().latestChunkIndex());
	}

}
