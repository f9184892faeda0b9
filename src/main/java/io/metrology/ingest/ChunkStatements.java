package io.metrology.ingest;

import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;

import io.metrology.ingest.Holdings.ChannelState;
import io.metrology.ingest.WritePlan.PlannedChunk;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.PreparedStatementCallback;
import org.springframework.jdbc.core.PreparedStatementSetter;
import org.springframework.stereotype.Component;

/** The statements by which chunks and the sums of their channels are written. */
@Component
class ChunkStatements {

	// The revision alone would do, were there not servers that take over without the last
	// of what they should have.
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
			              ?::float8[], ?::float8[], ?::integer[], ?::bigint[], ?::bigint[], ?::bigint[], ?::integer[])
			       AS after (data_id, channel_name, units, total_points, chunk_count, highest_chunk_index, revision,
			                 earliest_time, latest_time, latest_chunk_index, revision_before, total_points_before,
			                 chunk_count_before, highest_chunk_index_before)
			 WHERE c.data_id = after.data_id
			   AND c.channel_name = after.channel_name
			   AND c.revision = after.revision_before
			   AND c.total_points = after.total_points_before
			   AND c.chunk_count = after.chunk_count_before
			   AND c.highest_chunk_index = after.highest_chunk_index_before
			""";

	private static final String INSERT_CHUNKS = """
			INSERT INTO chunk (data_id, channel_name, chunk_index,
			                   point_count, revision, content_hash,
			                   earliest_time, latest_time, min_value, max_value, missing_count,
			                   written_by, timestamps, "values")
			VALUES %s
			ON CONFLICT (data_id, channel_name, chunk_index)
			""";

	// After the channels were locked: the chunks may be new or take the place of others.
	private static final String WRITE_CHUNKS = INSERT_CHUNKS + """
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
			       written_by = excluded.written_by,
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

	/**
	 * The most chunks in a statement. PostgreSQL keeps a plan for each number of them, as
	 * long as the statement itself.
	 */
	static final int MOST_ROWS = 128;

	/**
	 * The most points in a statement of several chunks: the driver holds all of their
	 * bytes, 24 a point, until it is sent.
	 */
	private static final long MOST_POINTS = 200_000;

	private static final String ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

	private static final int ROW_PARAMETERS = 14;

	private static final int CHANNEL_PARAMETERS = 14;

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

	/** The statements by the number of chunks that they write, made when first needed. */
	private static final Map<Integer, String> IF_UNCHANGED = new ConcurrentHashMap<>();

	private static final Map<Integer, String> WITH_CHANNELS = new ConcurrentHashMap<>();

	private static final Map<Integer, String> CHUNKS_ALONE = new ConcurrentHashMap<>();

	private final JdbcTemplate jdbc;

	ChunkStatements(@Qualifier(WriteConnections.QUALIFIER) JdbcTemplate jdbc) {
		this.jdbc = jdbc;
	}

	/**
	 * Writes a plan in a transaction of its own, which is committed when this returns.
	 * @throws ConcurrencyFailureException if a channel is not as the plan supposes, or a
	 * chunk is held that it takes for new; then nothing is written
	 */
	void writeIfUnchanged(WritePlan plan) {
		execute(IF_UNCHANGED, WRITE_IF_UNCHANGED, plan.chunks().size(), (statement) -> {
			int next = setChunks(statement, setChannels(statement, plan), plan.chunks());
			statement.setInt(next, plan.channels().size());
			statement.setInt(next + 1, plan.chunks().size());
		});
	}

	/** Writes a plan that was made after its channels were locked. */
	void write(WritePlan plan) {
		if (plan.chunks().isEmpty()) {
			return;
		}
		List<PlannedChunk> first = slice(plan.chunks(), 0);
		int changed = execute(WITH_CHANNELS, UPDATE_CHANNELS + ";" + WRITE_CHUNKS, first.size(),
				(statement) -> setChunks(statement, setChannels(statement, plan), first));
		if (changed != plan.channels().size()) {
			throw new IllegalStateException("A channel that is locked is not as it was read");
		}
		for (int from = first.size(); from < plan.chunks().size();) {
			List<PlannedChunk> next = slice(plan.chunks(), from);
			execute(CHUNKS_ALONE, WRITE_CHUNKS, next.size(), (statement) -> setChunks(statement, 1, next));
			from += next.size();
		}
		plan.channels().forEach((channel, state) -> {
			if (state.times().stale()) {
				this.jdbc.update(RETAKE_TIMES, channel.dataId(), channel.channelName());
			}
		});
	}

	/** Whether the chunks of a batch may be written by one statement. */
	static boolean fitsOne(List<Submission> batch) {
		return batch.stream().mapToInt((submission) -> submission.chunks().size()).sum() <= MOST_ROWS
				&& batch.stream().mapToLong(Submission::points).sum() <= MOST_POINTS;
	}

	/** As many chunks as one statement takes, at least one. */
	private static List<PlannedChunk> slice(List<PlannedChunk> chunks, int from) {
		int to = from + 1;
		long points = chunks.get(from).chunk().pointCount();
		while (to < chunks.size() && to - from < MOST_ROWS) {
			points += chunks.get(to).chunk().pointCount();
			if (points > MOST_POINTS) {
				break;
			}
			to++;
		}
		return chunks.subList(from, to);
	}

	/** Returns how many rows the first of a pattern's statements has changed. */
	private int execute(Map<Integer, String> statements, String pattern, int rows, PreparedStatementSetter parameters) {
		String sql = statements.computeIfAbsent(rows,
				(count) -> pattern.formatted(String.join(", ", Collections.nCopies(count, ROW))));
		return Objects.requireNonNull(this.jdbc.execute(sql, (PreparedStatementCallback<Integer>) (statement) -> {
			parameters.setValues(statement);
			statement.execute();
			return statement.getUpdateCount();
		}));
	}

	private static int setChunks(PreparedStatement statement, int first, List<PlannedChunk> chunks)
			throws SQLException {
		int next = first;
		for (PlannedChunk planned : chunks) {
			setChunk(statement, next, planned);
			next += ROW_PARAMETERS;
		}
		return next;
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
		statement.setObject(first + 11, planned.writtenBy(), Types.OTHER);
		statement.setObject(first + 12, chunk.timestamps());
		statement.setObject(first + 13, chunk.values());
	}

	private static int setChannels(PreparedStatement statement, WritePlan plan) throws SQLException {
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
		BatchKeys.set(statement, 13, "int8", before, ChannelState::chunkCount);
		BatchKeys.set(statement, 14, "int4", before, ChannelState::highestChunkIndex);
		return 1 + CHANNEL_PARAMETERS;
	}

}
