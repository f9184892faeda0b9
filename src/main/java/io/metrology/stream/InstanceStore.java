package io.metrology.stream;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** The rows of the running instances in PostgreSQL, and its clock. */
@Repository
class InstanceStore {

	private static final String NOW = """
			SELECT clock_timestamp()
			""";

	private static final String UPDATE = """
			UPDATE instance
			   SET written_at = clock_timestamp(),
			       as_of = :as_of,
			       oldest_unknown = :oldest_unknown,
			       data_ids = CAST(:data_ids AS uuid[]),
			       arrivals = CAST(:arrivals AS timestamptz[])
			 WHERE instance_id = :instance_id
			""";

	private static final String INSERT = """
			INSERT INTO instance (instance_id, written_at, as_of, oldest_unknown, data_ids, arrivals)
			VALUES (:instance_id, clock_timestamp(), :as_of, :oldest_unknown, CAST(:data_ids AS uuid[]),
			        CAST(:arrivals AS timestamptz[]))
			""";

	private static final String DELETE = """
			DELETE FROM instance
			 WHERE instance_id = :instance_id
			""";

	private static final String DELETE_OLD = """
			DELETE FROM instance
			 WHERE written_at < clock_timestamp() - interval '5 minutes'
			""";

	private static final String LIVE = """
			SELECT i.instance_id,
			       i.as_of,
			       i.oldest_unknown,
			       s.data_id,
			       s.arrival
			  FROM instance i
			  LEFT JOIN LATERAL unnest(i.data_ids, i.arrivals) AS s (data_id, arrival)
			    ON s.data_id = ANY (CAST(:data_ids AS uuid[]))
			 WHERE i.written_at >= clock_timestamp() - interval '5 seconds'
			""";

	private final JdbcClient jdbc;

	InstanceStore(JdbcClient jdbc) {
		this.jdbc = jdbc;
	}

	/** Reads the clock of the database. */
	DatabaseClock clock() {
		long before = System.nanoTime();
		OffsetDateTime time = this.jdbc.sql(NOW).query(OffsetDateTime.class).single();
		return new DatabaseClock(time.toInstant(), before, System.nanoTime());
	}

	/**
	 * Replaces the row of an instance.
	 * @return false if there is no row yet
	 */
	boolean update(InstanceReport report) {
		return write(UPDATE, report) > 0;
	}

	void insert(InstanceReport report) {
		write(INSERT, report);
	}

	void delete(UUID instanceId) {
		this.jdbc.sql(DELETE).param("instance_id", instanceId).update();
	}

	/** Deletes the rows of instances that ended without deleting their own. */
	void deleteOld() {
		this.jdbc.sql(DELETE_OLD).update();
	}

	/** Reads the reports of all live instances, with the given streams only. */
	List<InstanceReport> live(Collection<UUID> dataIds) {
		Map<UUID, InstanceReport> reports = new LinkedHashMap<>();
		this.jdbc.sql(LIVE).param("data_ids", array(dataIds)).query((row, index) -> add(row, reports)).list();
		return new ArrayList<>(reports.values());
	}

	private int write(String sql, InstanceReport report) {
		List<UUID> dataIds = List.copyOf(report.oldestByStream().keySet());
		return this.jdbc.sql(sql)
			.param("instance_id", report.instanceId())
			.param("as_of", column(report.asOf()))
			.param("oldest_unknown", column(report.oldestUnknown()), Types.TIMESTAMP_WITH_TIMEZONE)
			.param("data_ids", array(dataIds))
			.param("arrivals",
					array(dataIds.stream().map((dataId) -> column(report.oldestByStream().get(dataId))).toList()))
			.update();
	}

	private static InstanceReport add(ResultSet row, Map<UUID, InstanceReport> reports) throws SQLException {
		UUID instanceId = row.getObject("instance_id", UUID.class);
		InstanceReport report = reports.get(instanceId);
		if (report == null) {
			report = new InstanceReport(instanceId, required(row, "as_of"), instant(row, "oldest_unknown"),
					new HashMap<>());
			reports.put(instanceId, report);
		}
		UUID dataId = row.getObject("data_id", UUID.class);
		if (dataId != null) {
			report.oldestByStream().put(dataId, required(row, "arrival"));
		}
		return report;
	}

	private static @Nullable Instant instant(ResultSet row, String column) throws SQLException {
		OffsetDateTime time = row.getObject(column, OffsetDateTime.class);
		return (time != null) ? time.toInstant() : null;
	}

	private static Instant required(ResultSet row, String column) throws SQLException {
		return row.getObject(column, OffsetDateTime.class).toInstant();
	}

	/** Rounds down: PostgreSQL would round to the nearest microsecond. */
	private static @Nullable OffsetDateTime column(@Nullable Instant time) {
		return (time != null) ? time.truncatedTo(ChronoUnit.MICROS).atOffset(ZoneOffset.UTC) : null;
	}

	/** The elements have no characters that an array must quote. */
	static String array(Collection<?> elements) {
		return elements.stream().map(String::valueOf).collect(Collectors.joining(",", "{", "}"));
	}

}
