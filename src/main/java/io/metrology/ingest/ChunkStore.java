package io.metrology.ingest;

import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;

import javax.sql.DataSource;

import io.metrology.http.Sqlstate;
import io.metrology.ingest.Holdings.ChannelState;
import io.metrology.ingest.WritePlan.PlannedChunk;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.PreparedStatementCallback;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Chunks in PostgreSQL. A write is planned from what this instance remembers of the
 * channels, and depends on their not having changed since. If they have, or something is
 * not remembered, it is planned anew: lock the channels, read what they hold, decide,
 * write, commit. The isolation must be READ COMMITTED.
 *
 * <p>
 * A stream's row is not locked by a chunk for a channel that exists. Whoever finalizes or
 * deletes a stream locks its row and then its channels, so a chunk that waited for its
 * channel sees the stream as it is afterwards. A chunk for a new channel locks the
 * stream's row first.
 */
@Repository
class ChunkStore {

	private static final String UPDATE_CHANNELS = """
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
			              ?::float8[], ?::float8[], ?::integer[], ?::bigint[], ?::bigint[])
			       AS after (data_id, channel_name, units, total_points, chunk_count, highest_chunk_index, revision,
			                 earliest_time, latest_time, latest_chunk_index, revision_before, total_points_before)
			 WHERE c.data_id = after.data_id
			   AND c.channel_name = after.channel_name
			   AND c.revision = after.revision_before
			   AND c.total_points = after.total_points_before
			""";

	private static final String INSERT_CHUNKS = """
			INSERT INTO chunk (data_id, channel_name, chunk_index,
			                   point_count, revision, content_hash,
			                   earliest_time, latest_time, min_value, max_value, missing_count,
			                   timestamps, "values")
			VALUES %s
			ON CONFLICT (data_id, channel_name, chunk_index)
			""";

	// After the channels were locked: the chunks may be new or take the place of others.
	private static final String WRITE = UPDATE_CHANNELS + ";" + INSERT_CHUNKS + """
			DO UPDATE
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

	// One statement that is a transaction, and so one round trip: it writes all, or
	// nothing if a channel is not as it was remembered, or a chunk is held after all.
	private static final String WRITE_IF_UNCHANGED = "WITH changed AS (" + UPDATE_CHANNELS + "RETURNING 1), stored AS ("
			+ INSERT_CHUNKS + """
					DO NOTHING RETURNING 1)
					SELECT require_unchanged((SELECT count(*) FROM changed) = ? AND (SELECT count(*) FROM stored) = ?)
					""";

	private static final String ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

	private static final int ROW_PARAMETERS = 13;

	private static final int CHANNEL_PARAMETERS = 12;

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

	/** By the number of chunks that they write, made when first needed. */
	private static final Map<Integer, String> WRITES = new ConcurrentHashMap<>();

	private static final Map<Integer, String> WRITES_IF_UNCHANGED = new ConcurrentHashMap<>();

	private final JdbcTemplate jdbc;

	private final TransactionTemplate transaction;

	private final TransactionTemplate snapshot;

	private final HoldingsReader holdings;

	private final HoldingsReader readings;

	private final ChannelRegistry registry;

	private final ChannelMemory memory;

	private final IngestProperties properties;

	private final IngestMetrics metrics;

	ChunkStore(@Qualifier(WriteConnections.QUALIFIER) JdbcTemplate jdbc,
			@Qualifier(WriteConnections.QUALIFIER) DataSource writing, JdbcTemplate reading, DataSource database,
			ChannelRegistry registry, ChannelMemory memory, IngestProperties properties, IngestMetrics metrics) {
		this.jdbc = jdbc;
		// Without JPA's session, which nothing here needs. The pool's connections are
		// READ COMMITTED; to set that here
		// would ask each for its level first.
		this.transaction = new TransactionTemplate(new JdbcTransactionManager(writing));
		this.snapshot = new TransactionTemplate(new JdbcTransactionManager(database));
		this.snapshot.setIsolationLevel(TransactionDefinition.ISOLATION_REPEATABLE_READ);
		this.snapshot.setReadOnly(true);
		this.holdings = new HoldingsReader(jdbc);
		this.readings = new HoldingsReader(reading);
		this.registry = registry;
		this.memory = memory;
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
		long begun = System.nanoTime();
		BatchKeys keys = BatchKeys.of(batch);
		Planned planned = writeFromMemory(batch, keys).or(() -> writeLocked(batch, keys, false))
			.or(() -> writeLocked(batch, keys, true))
			.orElseThrow(() -> new IllegalStateException("A channel that was locked is gone"));
		this.memory.remember(planned.plan().channels());
		this.metrics.committed(keys.chunks().size(), System.nanoTime() - begun);
		return planned.results();
	}

	/** What {@link #write} would answer now; nothing is locked or written. */
	List<WriteResult> preview(List<Submission> batch) {
		WritePlan plan = plan(this.snapshot.execute((status) -> this.readings.look(BatchKeys.of(batch))));
		return batch.stream().map(plan::add).toList();
	}

	/** Empty if nothing was written, as something is not remembered, or was changed. */
	private Optional<Planned> writeFromMemory(List<Submission> batch, BatchKeys keys) {
		Holdings remembered = this.memory.recall(keys);
		if (remembered == null) {
			return Optional.empty();
		}
		Planned planned = Planned.of(plan(remembered), batch);
		// A refusal is for the client to see, so it is not made from memory.
		if (planned.results().stream().anyMatch((result) -> result.refusal() != null)) {
			return Optional.empty();
		}
		try {
			storeIfUnchanged(planned.plan());
			return Optional.of(planned);
		}
		catch (ConcurrencyFailureException ex) {
			this.memory.distrust(keys.channels());
			return Optional.empty();
		}
		catch (RuntimeException ex) {
			throw failure(ex, !(ex instanceof CannotGetJdbcConnectionException));
		}
	}

	/**
	 * Empty if a channel is new: then nothing was done, and the batch must be written
	 * again with {@code creating}, which locks streams before channels.
	 */
	private Optional<Planned> writeLocked(List<Submission> batch, BatchKeys keys, boolean creating) {
		AtomicBoolean committing = new AtomicBoolean();
		try {
			return this.transaction.execute((status) -> {
				Optional<Planned> planned = storeLocked(batch, keys, creating);
				committing.set(planned.isPresent());
				if (planned.isEmpty()) {
					status.setRollbackOnly();
				}
				return planned;
			});
		}
		catch (RuntimeException ex) {
			throw failure(ex, committing.get());
		}
	}

	private RuntimeException failure(RuntimeException ex, boolean committing) {
		this.memory.forget();
		return (committing && Sqlstate.of(ex).leavesCommitUnknown()) ? new CommitUnknownException(ex) : ex;
	}

	private Optional<Planned> storeLocked(List<Submission> batch, BatchKeys keys, boolean creating) {
		if (creating) {
			this.registry.create(keys);
		}
		Holdings held = this.holdings.lock(keys);
		if (held.channels().size() < keys.channels().size() && !creating) {
			return Optional.empty();
		}
		Planned planned = Planned.of(plan(held), batch);
		store(planned.plan());
		if (creating) {
			this.registry.dropEmpty(planned.plan().emptyOf(keys.channels()));
		}
		return Optional.of(planned);
	}

	private WritePlan plan(Holdings held) {
		return new WritePlan(held, this.properties.unitsMismatch(), this.registry.registersUnknown());
	}

	private void storeIfUnchanged(WritePlan plan) {
		execute(WRITES_IF_UNCHANGED, WRITE_IF_UNCHANGED, plan, (statement, next) -> {
			statement.setInt(next, plan.channels().size());
			statement.setInt(next + 1, plan.chunks().size());
		});
	}

	private void store(WritePlan plan) {
		if (plan.chunks().isEmpty()) {
			return;
		}
		execute(WRITES, WRITE, plan, (statement, next) -> {
		});
		plan.channels().forEach((channel, state) -> {
			if (state.times().stale()) {
				this.jdbc.update(RETAKE_TIMES, channel.dataId(), channel.channelName());
			}
		});
	}

	private void execute(Map<Integer, String> statements, String pattern, WritePlan plan, LastParameters last) {
		String sql = statements.computeIfAbsent(plan.chunks().size(),
				(count) -> pattern.formatted(String.join(", ", Collections.nCopies(count, ROW))));
		this.jdbc.execute(sql, (PreparedStatementCallback<Boolean>) (statement) -> {
			setChannels(statement, plan);
			int next = 1 + CHANNEL_PARAMETERS;
			for (PlannedChunk planned : plan.chunks()) {
				setChunk(statement, next, planned);
				next += ROW_PARAMETERS;
			}
			last.set(statement, next);
			return statement.execute();
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

	private static void setChannels(PreparedStatement statement, WritePlan plan) throws SQLException {
		BatchKeys.setChannels(statement, 1, plan.channels().keySet());
		Collection<ChannelState> after = plan.channels().values();
		BatchKeys.set(statement, 3, "text", after, ChannelState::units);
		BatchKeys.set(statement, 4, "int8", after, ChannelState::totalPoints);
		BatchKeys.set(statement, 5, "int8", after, ChannelState::chunkCount);
		BatchKeys.set(statement, 6, "int4", after, ChannelState::highestChunkIndex);
		BatchKeys.set(statement, 7, "int8", after, ChannelState::revision);
		BatchKeys.set(statement, 8, "float8", after, (state) -> state.times().earliest());
		BatchKeys.set(statement, 9, "float8", after, (state) -> state.times().latest());
		BatchKeys.set(statement, 10, "int4", after, (state) -> state.times().latestChunkIndex());
		Collection<ChannelState> before = plan.before();
		BatchKeys.set(statement, 11, "int8", before, ChannelState::revision);
		BatchKeys.set(statement, 12, "int8", before, ChannelState::totalPoints);
	}

	/** Sets the parameters behind those of the rows. */
	private interface LastParameters {

		void set(PreparedStatement statement, int next) throws SQLException;

	}

	/**
	 * What is to be committed.
	 *
	 * @param plan what is written
	 * @param results what becomes of each submission
	 */
	private record Planned(WritePlan plan, List<WriteResult> results) {

		static Planned of(WritePlan plan, List<Submission> batch) {
			return new Planned(plan, batch.stream().map(plan::add).toList());
		}

	}

}
