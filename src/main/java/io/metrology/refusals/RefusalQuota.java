package io.metrology.refusals;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Keeps the records within {@code metrology.refusals.max-total}, and those of one data_id
 * or key within a quarter of it. The oldest records of the largest user are deleted
 * first. The sums are kept in memory and are read again before anything is deleted. For
 * one thread.
 *
 * <p>
 * Other instances add records that this one sees only when it reads the sums again. So
 * with several instances the records may exceed the limit by what the others record in
 * that time.
 */
class RefusalQuota {

	private static final Duration MAX_SUM_AGE = Duration.ofSeconds(10);

	/**
	 * A deletion frees this part of the limit more than is needed: the sums cost more.
	 */
	private static final int SLACK_PART = 64;

	private static final String SUMS = """
			SELECT data_id,
			       key_id,
			       sum(size_bytes)::bigint AS bytes
			  FROM refusal
			 GROUP BY data_id, key_id
			""";

	private static final String DELETE_OLDEST = """
			DELETE FROM refusal
			 WHERE id IN (
			         SELECT id
			           FROM (SELECT id,
			                        sum(size_bytes) OVER (ORDER BY last_received_at, id) - size_bytes AS bytes_before
			                   FROM (SELECT id, size_bytes, last_received_at
			                           FROM refusal
			                          WHERE %s
			                          ORDER BY last_received_at, id
			                          LIMIT 1000) AS oldest) AS step
			          WHERE bytes_before < :bytes)
			RETURNING id, data_id, key_id, size_bytes
			""";

	private final JdbcClient jdbc;

	private final long maxTotal;

	private final long maxOfUser;

	private final Map<User, Long> sums = new HashMap<>();

	private long total;

	private long readAt;

	private boolean stale = true;

	RefusalQuota(JdbcClient jdbc, RefusalProperties properties) {
		this.jdbc = jdbc;
		this.maxTotal = properties.maxTotal().toBytes();
		this.maxOfUser = properties.maxBytesOfUser();
	}

	/**
	 * Deletes old records until a new one fits, and counts the new one.
	 * @return the records that were deleted
	 */
	List<UUID> makeRoom(@Nullable UUID dataId, @Nullable UUID keyId, long bytes) {
		List<UUID> deleted = new ArrayList<>();
		if (this.stale || System.nanoTime() - this.readAt > MAX_SUM_AGE.toNanos()) {
			readSums();
		}
		if (!fits(dataId, keyId, bytes)) {
			readSums();
			shrink(Kind.DATA_ID, dataId, bytes, deleted);
			shrink(Kind.KEY, keyId, bytes, deleted);
			shrinkAll(bytes, deleted);
		}
		add(dataId, keyId, bytes);
		return deleted;
	}

	/** Notes that the sums may be wrong, because a transaction failed. */
	void distrust() {
		this.stale = true;
	}

	private boolean fits(@Nullable UUID dataId, @Nullable UUID keyId, long bytes) {
		return this.total + bytes <= this.maxTotal
				&& (dataId == null || sum(new User(Kind.DATA_ID, dataId)) + bytes <= this.maxOfUser)
				&& (keyId == null || sum(new User(Kind.KEY, keyId)) + bytes <= this.maxOfUser);
	}

	private void shrink(Kind kind, @Nullable UUID id, long bytes, List<UUID> deleted) {
		User user = new User(kind, id);
		if (id != null && sum(user) + bytes > this.maxOfUser) {
			long limit = this.maxOfUser - this.maxOfUser / SLACK_PART;
			while (sum(user) + bytes > limit && deleteOldest(user, sum(user) + bytes - limit, deleted)) {
				// A step deletes a limited number of records.
			}
		}
	}

	private void shrinkAll(long bytes, List<UUID> deleted) {
		if (this.total + bytes <= this.maxTotal) {
			return;
		}
		long slack = this.maxTotal / SLACK_PART;
		while (this.total + bytes > this.maxTotal - slack) {
			long excess = this.total + bytes - (this.maxTotal - slack);
			User largest = this.sums.entrySet()
				.stream()
				.max(Map.Entry.comparingByValue(Comparator.naturalOrder()))
				.map(Map.Entry::getKey)
				.orElse(null);
			if (largest == null || !deleteOldest(largest, Math.min(excess, Math.max(1, slack)), deleted)) {
				return;
			}
		}
	}

	private boolean deleteOldest(User user, long bytes, List<UUID> deleted) {
		JdbcClient.StatementSpec statement = this.jdbc.sql(DELETE_OLDEST.formatted(user.condition()))
			.param("bytes", bytes);
		if (user.id() != null) {
			statement.param("user", user.id());
		}
		List<Row> rows = statement
			.query((row, index) -> new Row(row.getObject("id", UUID.class), row.getObject("data_id", UUID.class),
					row.getObject("key_id", UUID.class), row.getLong("size_bytes")))
			.list();
		rows.forEach((row) -> {
			add(row.dataId(), row.keyId(), -row.bytes());
			deleted.add(row.id());
		});
		return !rows.isEmpty();
	}

	private void readSums() {
		this.sums.clear();
		this.total = 0;
		this.jdbc.sql(SUMS)
			.query((row, index) -> new Row(new UUID(0, 0), row.getObject("data_id", UUID.class),
					row.getObject("key_id", UUID.class), row.getLong("bytes")))
			.list()
			.forEach((row) -> add(row.dataId(), row.keyId(), row.bytes()));
		this.readAt = System.nanoTime();
		this.stale = false;
	}

	private void add(@Nullable UUID dataId, @Nullable UUID keyId, long bytes) {
		this.total += bytes;
		this.sums.merge(new User(Kind.DATA_ID, dataId), bytes, Long::sum);
		if (keyId != null) {
			this.sums.merge(new User(Kind.KEY, keyId), bytes, Long::sum);
		}
	}

	private long sum(User user) {
		return this.sums.getOrDefault(user, 0L);
	}

	private enum Kind {

		DATA_ID("data_id"), KEY("key_id");

		private final String column;

		Kind(String column) {
			this.column = column;
		}

	}

	/**
	 * Records with the same data_id, or of the same key.
	 *
	 * @param kind which of the two
	 * @param id the data_id or key, or null for records without a data_id
	 */
	private record User(Kind kind, @Nullable UUID id) {

		String condition() {
			return this.kind.column + ((this.id != null) ? " = :user" : " IS NULL");
		}

	}

	private record Row(UUID id, @Nullable UUID dataId, @Nullable UUID keyId, long bytes) {

	}

}
