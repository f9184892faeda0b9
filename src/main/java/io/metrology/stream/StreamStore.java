package io.metrology.stream;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import io.metrology.http.Caller;
import io.metrology.http.Fault;
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

	private static final String ACTIVITIES = """
			SELECT s.data_id,
			       s.processed_data_id,
			       s.finalized_at IS NOT NULL AS finalized,
			       s.deleted_at IS NOT NULL AS deleted,
			       coalesce(sum(c.revision), 0)::bigint AS changes,
			       coalesce(sum(c.highest_chunk_index::bigint + 1 - c.chunk_count), 0)::bigint AS missing_chunks
			  FROM stream s
			  LEFT JOIN channel c ON c.data_id = s.data_id
			 WHERE s.data_id = ANY (CAST(:data_ids AS uuid[]))
			 GROUP BY s.data_id
			""";

	// Whoever holds a lock for longer is about to store a chunk.
	private static final String LIMIT_LOCK_WAIT = """
			SET LOCAL lock_timeout = '500ms'
			""";

	private static final String LOCK_STREAMS = """
			SELECT data_id
			  FROM stream
			 WHERE data_id = ANY (CAST(:data_ids AS uuid[]))
			   AND deleted_at IS NULL
			 ORDER BY data_id
			   FOR UPDATE
			""";

	private static final String LOCK_CHANNELS = """
			SELECT channel_name
			  FROM channel
			 WHERE data_id = ANY (CAST(:data_ids AS uuid[]))
			 ORDER BY data_id, channel_name
			   FOR UPDATE
			""";

	private static final String HOLDINGS = """
			SELECT data_id,
			       channel_name,
			       chunk_count,
			       total_points
			  FROM channel
			 WHERE data_id = ANY (CAST(:data_ids AS uuid[]))
			 ORDER BY data_id, channel_name
			""";

	private static final String SEAL = """
			UPDATE stream s
			   SET finalized_at = clock_timestamp(),
			       finalized_by = ending.caller
			  FROM unnest(CAST(:data_ids AS uuid[]), CAST(:callers AS uuid[])) AS ending (data_id, caller)
			 WHERE s.data_id = ending.data_id
			""";

	// A chunk that was planned from the earlier content of the channel is planned again.
	private static final String MOVE_CHANNELS_ON = """
			UPDATE channel
			   SET revision = revision + 1
			 WHERE data_id = ANY (CAST(:data_ids AS uuid[]))
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

	/** Reads how streams stand, by data_id. Unknown streams are left out. */
	Map<UUID, Activity> activities(Collection<UUID> dataIds) {
		Map<UUID, Activity> activities = new HashMap<>();
		this.jdbc.sql(ACTIVITIES)
			.param("data_ids", InstanceStore.array(dataIds))
			.query((row, index) -> activities.put(row.getObject("data_id", UUID.class),
					new Activity(row.getObject("processed_data_id", UUID.class), row.getBoolean("finalized"),
							row.getBoolean("deleted"), row.getLong("changes"), row.getLong("missing_chunks"))))
			.list();
		return activities;
	}

	/**
	 * Reads what the channels of streams hold, by data_id and name. Streams without
	 * channels are left out.
	 */
	Map<UUID, Map<String, Holding>> holdings(Collection<UUID> dataIds) {
		Map<UUID, Map<String, Holding>> holdings = new HashMap<>();
		this.jdbc.sql(HOLDINGS)
			.param("data_ids", InstanceStore.array(dataIds))
			.query((row, index) -> holdings
				.computeIfAbsent(row.getObject("data_id", UUID.class), (dataId) -> new LinkedHashMap<>())
				.put(row.getString("channel_name"),
						new Holding(row.getLong("chunk_count"), row.getLong("total_points"))))
			.list();
		return holdings;
	}

	/**
	 * Finalizes streams in one transaction. A stream that has changed, or differs from
	 * its manifest, stays open.
	 * @return the streams as they were finalized, by data_id
	 * @throws PessimisticLockingFailureException if a chunk of one of them is being
	 * written and that takes long
	 */
	@Transactional
	public Map<UUID, Activity> seal(List<Ending> endings) {
		this.jdbc.sql(LIMIT_LOCK_WAIT).update();
		List<UUID> dataIds = endings.stream().map(Ending::dataId).toList();
		Map<UUID, Activity> activities = lock(dataIds) ? activities(dataIds) : Map.of();
		Map<UUID, Activity> sealed = new HashMap<>();
		List<Ending> accepted = new ArrayList<>();
		for (Ending ending : endings) {
			Activity activity = activities.get(ending.dataId());
			if (activity != null && ending.mayEnd(activity) && faults(ending.dataId(), ending.expected()).isEmpty()) {
				sealed.put(ending.dataId(), activity);
				accepted.add(ending);
			}
		}
		if (!accepted.isEmpty()) {
			write(accepted);
		}
		return sealed;
	}

	private void write(List<Ending> endings) {
		String dataIds = InstanceStore.array(endings.stream().map(Ending::dataId).toList());
		List<@Nullable UUID> callers = new ArrayList<>();
		endings.forEach((ending) -> callers.add(ending.caller().keyId()));
		this.jdbc.sql(SEAL).param("data_ids", dataIds).param("callers", InstanceStore.array(callers)).update();
		this.jdbc.sql(MOVE_CHANNELS_ON).param("data_ids", dataIds).update();
	}

	/** Returns what differs between a stream and a manifest. */
	List<Fault> faults(UUID dataId, @Nullable Manifest manifest) {
		return (manifest != null) ? manifest.faults(holdings(List.of(dataId)).getOrDefault(dataId, Map.of()))
				: List.of();
	}

	/** Returns whether a stream has a number of changes. Null stands for any. */
	boolean isUnchanged(UUID dataId, @Nullable Long changes) {
		Activity activity = activities(List.of(dataId)).get(dataId);
		return activity != null && (changes == null || activity.changes() == changes);
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
		return lock(List.of(dataId));
	}

	/** Locks streams and then their channels. Returns whether there is any stream. */
	private boolean lock(List<UUID> dataIds) {
		String ids = InstanceStore.array(dataIds);
		boolean found = !this.jdbc.sql(LOCK_STREAMS).param("data_ids", ids).query(UUID.class).list().isEmpty();
		this.jdbc.sql(LOCK_CHANNELS).param("data_ids", ids).query(String.class).list();
		return found;
	}

	/**
	 * A stream that is to be finalized.
	 *
	 * @param dataId the stream
	 * @param unchanged the number of changes that it must still have, or null for any
	 * @param expected the content that it must have, or null for any
	 * @param caller who is recorded for it
	 */
	record Ending(UUID dataId, @Nullable Long unchanged, @Nullable Manifest expected, Caller caller) {

		private boolean mayEnd(Activity activity) {
			return !activity.isDeleted() && !activity.isFinalized()
					&& (this.unchanged == null || this.unchanged == activity.changes());
		}

	}

	/**
	 * How a stream stands.
	 *
	 * @param processedDataId the result that it becomes
	 * @param isFinalized whether it was finalized
	 * @param isDeleted whether it was deleted
	 * @param changes how often its channels were changed
	 * @param missingChunks the chunks below the highest index of each channel that were
	 * never stored
	 */
	record Activity(UUID processedDataId, boolean isFinalized, boolean isDeleted, long changes, long missingChunks) {

	}

}
