package io.metrology.stream;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

import io.metrology.http.Caller;
import io.metrology.stream.Manifest.Holding;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.PessimisticLockingFailureException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.annotation.Transactional;

/**
 * The ends of streams in PostgreSQL. Whoever ends a stream locks its row and then its
 * channels in key order; a chunk locks its channel and then looks at the stream. So each
 * sees the other.
 *
 * <p>
 * Its length is that of its SQL.
 */
@Repository
class StreamStore {

	private static final String ACTIVITY = """
			SELECT s.processed_data_id,
			       s.finalized_at IS NOT NULL AS finalized,
			       s.deleted_at IS NOT NULL AS deleted,
			       (SELECT coalesce(sum(c.revision), 0)::bigint
			          FROM channel c
			         WHERE c.data_id = s.data_id) AS changes
			  FROM stream s
			 WHERE s.data_id = :data_id
			""";

	// Whoever holds a lock for longer is about to store a chunk.
	private static final String LIMIT_LOCK_WAIT = """
			SET LOCAL lock_timeout = '500ms'
			""";

	private static final String LOCK_STREAM = """
			SELECT data_id
			  FROM stream
			 WHERE data_id = :data_id
			   AND deleted_at IS NULL
			   FOR UPDATE
			""";

	private static final String LOCK_CHANNELS = """
			SELECT channel_name
			  FROM channel
			 WHERE data_id = :data_id
			 ORDER BY channel_name
			   FOR UPDATE
			""";

	private static final String HOLDINGS = """
			SELECT channel_name,
			       chunk_count,
			       total_points
			  FROM channel
			 WHERE data_id = :data_id
			 ORDER BY channel_name
			""";

	private static final String SEAL = """
			UPDATE stream
			   SET finalized_at = clock_timestamp(),
			       finalized_by = :caller
			 WHERE data_id = :data_id
			   AND finalized_at IS NULL
			""";

	// So that a chunk that was planned from what the channel held before is planned anew.
	private static final String MOVE_CHANNELS_ON = """
			UPDATE channel
			   SET revision = revision + 1
			 WHERE data_id = :data_id
			""";

	private static final String DELETE_CHANNELS = """
			DELETE FROM channel
			 WHERE data_id = :data_id
			""";

	// Records of refused chunks. Whoever records one locks the row of the stream first.
	private static final String DELETE_REFUSALS = """
			WITH records AS (
			         DELETE FROM refusal
			          WHERE data_id = :data_id)
			DELETE FROM refusal_count
			 WHERE data_id = :data_id
			""";

	private static final String BURY = """
			UPDATE stream
			   SET deleted_at = clock_timestamp(),
			       deleted_by = :caller
			 WHERE data_id = :data_id
			""";

	// Two who purge the same stream take turns; chunks that come too late must not wait
	// for them.
	private static final String TAKE_TURN = """
			SELECT pg_advisory_xact_lock(hashtextextended('purge ' || :data_id::text, 0))::text
			""";

	// By key, so that a step reads no more than it deletes.
	private static final String DELETE_CHUNKS = """
			DELETE FROM chunk
			 WHERE (data_id, channel_name, chunk_index) IN (
			         SELECT data_id, channel_name, chunk_index
			           FROM (SELECT data_id,
			                        channel_name,
			                        chunk_index,
			                        sum(point_count) OVER (ORDER BY channel_name, chunk_index) - point_count AS points_before
			                   FROM (SELECT data_id, channel_name, chunk_index, point_count
			                           FROM chunk
			                          WHERE data_id = :data_id
			                          ORDER BY channel_name, chunk_index
			                          LIMIT :chunks) AS next) AS step
			          WHERE points_before < :points)
			""";

	private static final String TO_PURGE = """
			SELECT data_id
			  FROM stream
			 WHERE deleted_at IS NOT NULL
			   AND purged_at IS NULL
			 ORDER BY deleted_at
			""";

	private static final String PURGED = """
			UPDATE stream
			   SET purged_at = clock_timestamp()
			 WHERE data_id = :data_id
			   AND NOT EXISTS (
			         SELECT
			           FROM chunk k
			          WHERE k.data_id = :data_id)
			""";

	private static final String FINALIZED_BEFORE = """
			SELECT data_id
			  FROM stream
			 WHERE deleted_at IS NULL
			   AND finalized_at < clock_timestamp() - make_interval(secs => :age)
			 ORDER BY finalized_at
			 LIMIT 1000
			""";

	private static final String IDLE = """
			SELECT s.data_id
			  FROM stream s
			 WHERE s.deleted_at IS NULL
			   AND s.finalized_at IS NULL
			   AND s.created_at < clock_timestamp() - make_interval(secs => :age)
			   AND NOT EXISTS (
			         SELECT
			           FROM channel c
			          WHERE c.data_id = s.data_id
			            AND c.last_received_at >= clock_timestamp() - make_interval(secs => :age))
			""";

	private static final String IDLE_STREAMS = IDLE + """
			 ORDER BY s.created_at
			 LIMIT 1000
			""";

	private static final String STILL_IDLE = IDLE + """
			   AND s.data_id = :data_id
			""";

	private final JdbcClient jdbc;

	StreamStore(JdbcClient jdbc) {
		this.jdbc = jdbc;
	}

	/** How a stream stands, or nothing where it was never made. */
	Optional<Activity> activity(UUID dataId) {
		return this.jdbc.sql(ACTIVITY)
			.param("data_id", dataId)
			.query((row, index) -> new Activity(row.getObject(1, UUID.class), row.getBoolean(2), row.getBoolean(3),
					row.getLong(4)))
			.optional();
	}

	/** What the channels of a stream hold, by name. */
	Map<String, Holding> holdings(UUID dataId) {
		Map<String, Holding> holdings = new LinkedHashMap<>();
		this.jdbc.sql(HOLDINGS)
			.param("data_id", dataId)
			.query((row, index) -> holdings.put(row.getString(1), new Holding(row.getLong(2), row.getLong(3))))
			.list();
		return holdings;
	}

	/**
	 * Seals a stream, unless it was changed, or holds something other than what is
	 * expected of it.
	 * @param unchanged the count of changes that it must still have, or null where that
	 * does not matter
	 * @param expected what it must hold, or null where that does not matter
	 * @param caller who is to be on record for it
	 * @return whether this sealed the stream, rather than another before it
	 * @throws PessimisticLockingFailureException if a chunk of it is being written and
	 * that takes long
	 */
	@Transactional
	public boolean seal(UUID dataId, @Nullable Long unchanged, @Nullable Manifest expected, Caller caller) {
		this.jdbc.sql(LIMIT_LOCK_WAIT).update();
		if (!lock(dataId) || !isUnchanged(dataId, unchanged)
				|| (expected != null && !expected.faults(holdings(dataId)).isEmpty())) {
			return false;
		}
		boolean sealed = this.jdbc.sql(SEAL).param("data_id", dataId).param("caller", caller.keyId()).update() > 0;
		if (sealed) {
			this.jdbc.sql(MOVE_CHANNELS_ON).param("data_id", dataId).update();
		}
		return sealed;
	}

	/** Whether a stream has a count of changes; null stands for any. */
	boolean isUnchanged(UUID dataId, @Nullable Long changes) {
		return changes == null || activity(dataId).filter((activity) -> activity.changes() == changes).isPresent();
	}

	/**
	 * Leaves of a stream a tombstone, and chunks to be purged. Returns whether there was
	 * a stream.
	 */
	@Transactional
	public boolean bury(UUID dataId, Caller caller) {
		if (!lock(dataId)) {
			return false;
		}
		this.jdbc.sql(DELETE_CHANNELS).param("data_id", dataId).update();
		this.jdbc.sql(DELETE_REFUSALS).param("data_id", dataId).update();
		this.jdbc.sql(BURY).param("data_id", dataId).param("caller", caller.keyId()).update();
		return true;
	}

	/** Buries a stream, if it is still idle. */
	@Transactional
	public boolean buryIdle(UUID dataId, Duration age) {
		return lock(dataId) && this.jdbc.sql(STILL_IDLE)
			.param("age", age.toMillis() / 1000.0)
			.param("data_id", dataId)
			.query(UUID.class)
			.optional()
			.isPresent() && bury(dataId, Caller.WITHOUT_KEY);
	}

	/**
	 * Deletes some chunks of a buried stream, in one short transaction.
	 * @param chunks the most chunks to delete
	 * @param points how many points to delete at least, where that many chunks have them:
	 * large chunks take long
	 * @return whether they are all gone
	 */
	@Transactional
	public boolean purgeStep(UUID dataId, int chunks, int points) {
		this.jdbc.sql(TAKE_TURN).param("data_id", dataId).query(String.class).single();
		this.jdbc.sql(DELETE_CHUNKS).param("data_id", dataId).param("chunks", chunks).param("points", points).update();
		return this.jdbc.sql(PURGED).param("data_id", dataId).update() > 0;
	}

	/** The buried streams that still have chunks. */
	List<UUID> toPurge() {
		return this.jdbc.sql(TO_PURGE).query(UUID.class).list();
	}

	/** Streams that were finalized longer ago than an age, oldest first. */
	List<UUID> finalizedBefore(Duration age) {
		return this.jdbc.sql(FINALIZED_BEFORE).param("age", age.toMillis() / 1000.0).query(UUID.class).list();
	}

	/** Streams never finalized that have been silent for longer than an age. */
	List<UUID> idleFor(Duration age) {
		return this.jdbc.sql(IDLE_STREAMS).param("age", age.toMillis() / 1000.0).query(UUID.class).list();
	}

	private boolean lock(UUID dataId) {
		boolean found = this.jdbc.sql(LOCK_STREAM).param("data_id", dataId).query(UUID.class).optional().isPresent();
		this.jdbc.sql(LOCK_CHANNELS).param("data_id", dataId).query(String.class).list();
		return found;
	}

	/**
	 * How a stream stands.
	 *
	 * @param processedDataId the result that it becomes
	 * @param isFinalized whether it was finalized
	 * @param isDeleted whether it was deleted
	 * @param changes how often its channels were changed
	 */
	record Activity(UUID processedDataId, boolean isFinalized, boolean isDeleted, long changes) {

	}

}
