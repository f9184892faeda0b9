package io.metrology.refusals;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;

import javax.sql.DataSource;

import io.metrology.refusals.RefusalCounts.Repeated;
import io.metrology.refusals.RefusedRequest.Reason;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Writes records, on a connection of its own. For one thread.
 *
 * <p>
 * Its length is that of its SQL.
 */
@Repository
class RefusalStore {

	/** How many counts of data_ids without a stream are kept. */
	private static final int MAX_COUNTS_WITHOUT_STREAM = 10_000;

	private static final int EXPIRY_STEP = 1000;

	private static final String NOW = """
			SELECT clock_timestamp()
			""";

	// A deletion locks the row against this: either it deletes the new record, or this
	// waits and sees the tombstone.
	private static final String LOCK_STREAM = """
			SELECT deleted_at IS NOT NULL
			  FROM stream
			 WHERE data_id = :data_id
			   FOR KEY SHARE
			""";

	private static final String REPEAT = """
			UPDATE refusal
			   SET count = count + 1,
			       last_received_at = greatest(last_received_at, :received_at),
			       code = :code,
			       detail = :detail,
			       key_id = :key_id,
			       request_id = :request_id,
			       path = :path,
			       query = :query,
			       content_type = :content_type
			 WHERE id = :id
			""";

	// Another instance may record the same request at the same time.
	private static final String INSERT = """
			INSERT INTO refusal (id, first_received_at, last_received_at,
			                     code, detail, key_id, request_id,
			                     path, query, content_type, content_encoding,
			                     data_id, channel_names, chunk_index,
			                     body_bytes, size_bytes, body)
			VALUES (:id, :received_at, :received_at,
			        :code, :detail, :key_id, :request_id,
			        :path, :query, :content_type, :content_encoding,
			        :data_id, :channel_names, :chunk_index,
			        :body_bytes, :size_bytes, :body)
			ON CONFLICT (id) DO UPDATE
			   SET count = refusal.count + 1,
			       last_received_at = greatest(refusal.last_received_at, excluded.last_received_at)
			""";

	private static final String REPEAT_MANY = """
			UPDATE refusal r
			   SET count = r.count + repeated.count,
			       last_received_at = greatest(r.last_received_at, repeated.received_at),
			       code = repeated.code,
			       detail = repeated.detail,
			       key_id = repeated.key_id,
			       request_id = repeated.request_id
			  FROM unnest(:ids::uuid[], :counts::bigint[], :received_at::timestamptz[], :codes::text[],
			              :details::text[], :key_ids::uuid[], :request_ids::text[])
			       AS repeated (id, count, received_at, code, detail, key_id, request_id)
			 WHERE r.id = repeated.id
			RETURNING r.id
			""";

	// In key order, so that two instances never wait for each other.
	private static final String COUNT = """
			INSERT INTO refusal_count (data_id, count)
			SELECT counted.data_id,
			       counted.count
			  FROM unnest(:data_ids::uuid[], :counts::bigint[]) AS counted (data_id, count)
			 WHERE NOT EXISTS (
			         SELECT
			           FROM stream s
			          WHERE s.data_id = counted.data_id
			            AND s.deleted_at IS NOT NULL)
			 ORDER BY counted.data_id
			ON CONFLICT (data_id) DO UPDATE
			   SET count = refusal_count.count + excluded.count,
			       last_received_at = excluded.last_received_at
			""";

	private static final String EXPIRE = """
			DELETE FROM refusal
			 WHERE id IN (
			         SELECT id
			           FROM refusal
			          WHERE last_received_at < clock_timestamp() - make_interval(secs => :age)
			          ORDER BY last_received_at
			          LIMIT :limit)
			""";

	private static final String WITHOUT_STREAM = """
			NOT EXISTS (
			         SELECT
			           FROM stream s
			          WHERE s.data_id = c.data_id
			            AND s.deleted_at IS NULL)
			""";

	private static final String EXPIRE_COUNTS = """
			DELETE FROM refusal_count c
			 WHERE c.last_received_at < clock_timestamp() - make_interval(secs => :age)
			   AND
			""" + WITHOUT_STREAM;

	private static final String LIMIT_COUNTS = """
			DELETE FROM refusal_count
			 WHERE data_id IN (
			         SELECT c.data_id
			           FROM refusal_count c
			          WHERE
			""" + WITHOUT_STREAM + """
			          ORDER BY c.last_received_at DESC
			         OFFSET :kept)
			""";

	private final TransactionTemplate transaction;

	private final JdbcClient jdbc;

	private final RefusalQuota quota;

	RefusalStore(@Qualifier(RefusalConnections.QUALIFIER) DataSource dataSource, RefusalProperties properties) {
		this.transaction = new TransactionTemplate(new JdbcTransactionManager(dataSource));
		this.jdbc = JdbcClient.create(new JdbcTemplate(dataSource));
		this.quota = new RefusalQuota(this.jdbc, properties);
	}

	/**
	 * Records a request in a transaction of its own.
	 * @return what was done, or nothing if the stream of the request was deleted
	 */
	Optional<Recorded> record(RefusedRequest request) {
		try {
			return Objects.requireNonNull(this.transaction.execute((status) -> recordInTransaction(request)));
		}
		catch (RuntimeException ex) {
			this.quota.distrust();
			throw ex;
		}
	}

	private Optional<Recorded> recordInTransaction(RefusedRequest request) {
		DatabaseClock clock = readClock();
		UUID dataId = request.dataId();
		if (dataId != null) {
			boolean deleted = this.jdbc.sql(LOCK_STREAM)
				.param("data_id", dataId)
				.query(Boolean.class)
				.optional()
				.orElse(false);
			if (deleted) {
				return Optional.empty();
			}
		}
		List<UUID> evicted = List.of();
		if (common(this.jdbc.sql(REPEAT), request, clock).update() == 0) {
			evicted = this.quota.makeRoom(dataId, request.reason().keyId(), request.sizeBytes());
			insert(request, clock);
		}
		if (dataId != null) {
			count(Map.of(dataId, 1L));
		}
		return Optional.of(new Recorded(evicted));
	}

	private void insert(RefusedRequest request, DatabaseClock clock) {
		RefusedBody body = request.body();
		common(this.jdbc.sql(INSERT), request, clock).param("content_encoding", body.encoding())
			.param("data_id", request.dataId())
			.param("channel_names", request.channelNames().toArray(String[]::new))
			.param("chunk_index", request.chunkIndex())
			.param("body_bytes", body.length())
			.param("size_bytes", request.sizeBytes())
			.param("body", body.isWhole() ? body.content() : null, Types.BINARY)
			.update();
	}

	private static JdbcClient.StatementSpec common(JdbcClient.StatementSpec statement, RefusedRequest request,
			DatabaseClock clock) {
		Reason reason = request.reason();
		return statement.param("id", request.body().id())
			.param("received_at", clock.at(reason.receivedAt()))
			.param("code", reason.code().code())
			.param("detail", reason.detail())
			.param("key_id", reason.keyId())
			.param("request_id", reason.requestId())
			.param("path", request.path())
			.param("query", request.query())
			.param("content_type", request.contentType());
	}

	/**
	 * Writes counts in one transaction.
	 * @return the records among them that exist
	 */
	List<UUID> write(RefusalCounts.Taken counts) {
		return Objects.requireNonNull(this.transaction.execute((status) -> {
			List<UUID> existing = counts.records().isEmpty() ? List.of() : repeat(counts.records());
			count(counts.dataIds());
			return existing;
		}));
	}

	private List<UUID> repeat(Map<UUID, Repeated> records) {
		DatabaseClock clock = readClock();
		List<Repeated> repeated = new ArrayList<>(records.values());
		return this.jdbc.sql(REPEAT_MANY)
			.param("ids", texts(records.keySet()))
			.param("counts", repeated.stream().map(Repeated::count).toArray(Long[]::new))
			.param("received_at",
					repeated.stream()
						.map((each) -> clock.at(each.reason().receivedAt()).toString())
						.toArray(String[]::new))
			.param("codes", repeated.stream().map((each) -> each.reason().code().code()).toArray(String[]::new))
			.param("details", repeated.stream().map((each) -> each.reason().detail()).toArray(String[]::new))
			.param("key_ids", repeated.stream().map((each) -> text(each.reason().keyId())).toArray(String[]::new))
			.param("request_ids", repeated.stream().map((each) -> each.reason().requestId()).toArray(String[]::new))
			.query(UUID.class)
			.list();
	}

	private void count(Map<UUID, Long> dataIds) {
		if (!dataIds.isEmpty()) {
			this.jdbc.sql(COUNT)
				.param("data_ids", texts(dataIds.keySet()))
				.param("counts", dataIds.values().toArray(Long[]::new))
				.update();
		}
	}

	/** UUIDs as texts, which the driver knows as an array. */
	private static String[] texts(Collection<UUID> ids) {
		return ids.stream().map(UUID::toString).toArray(String[]::new);
	}

	private static @Nullable String text(@Nullable UUID id) {
		return (id != null) ? id.toString() : null;
	}

	/**
	 * Deletes some of the records that are too old.
	 * @return how many
	 */
	int expireStep(Duration age) {
		int expired = this.jdbc.sql(EXPIRE).param("age", age.toMillis() / 1000.0).param("limit", EXPIRY_STEP).update();
		if (expired > 0) {
			this.quota.distrust();
		}
		return expired;
	}

	/**
	 * Deletes counts of data_ids without a stream: those that are too old, and the oldest
	 * of too many.
	 */
	void expireCounts(Duration age) {
		this.jdbc.sql(EXPIRE_COUNTS).param("age", age.toMillis() / 1000.0).update();
		this.jdbc.sql(LIMIT_COUNTS).param("kept", MAX_COUNTS_WITHOUT_STREAM).update();
	}

	private DatabaseClock readClock() {
		Instant now = this.jdbc.sql(NOW).query(RefusalStore::time).single();
		return new DatabaseClock(now, System.nanoTime());
	}

	private static Instant time(ResultSet row, int index) throws SQLException {
		return row.getObject(1, OffsetDateTime.class).toInstant();
	}

	/**
	 * A new or repeated record.
	 *
	 * @param evicted the records that were deleted to make room
	 */
	record Recorded(List<UUID> evicted) {

	}

	/**
	 * The clock of the database. It never gives a time later than the true one, because a
	 * resend must not replace content that was stored after the refusal.
	 *
	 * @param time a time by the database
	 * @param nanoTime a later time by {@link System#nanoTime}
	 */
	private record DatabaseClock(Instant time, long nanoTime) {

		OffsetDateTime at(long nanoTime) {
			return this.time.minusNanos(Math.max(0, this.nanoTime - nanoTime)).atOffset(ZoneOffset.UTC);
		}

	}

}
