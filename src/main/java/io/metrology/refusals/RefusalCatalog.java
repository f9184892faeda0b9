package io.metrology.refusals;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.annotation.Transactional;

/** Reads and deletes records. */
@Repository
class RefusalCatalog {

	private static final String RECORDS = """
			SELECT id,
			       first_received_at,
			       last_received_at,
			       count,
			       code,
			       detail,
			       key_id,
			       request_id,
			       path,
			       query,
			       content_type,
			       content_encoding,
			       data_id,
			       channel_names,
			       chunk_index,
			       body_bytes,
			       body IS NOT NULL AS has_body
			  FROM refusal
			 WHERE true
			""";

	private static final String ONE = RECORDS + """
			   AND id = :id
			""";

	private static final String OF_STREAM = """
			   AND data_id = :data_id
			""";

	private static final String WITH_CODE = """
			   AND code = :code
			""";

	private static final String AFTER = """
			   AND (first_received_at, id) < (:first_received_at, :after)
			""";

	private static final String NEWEST_FIRST = """
			 ORDER BY first_received_at DESC, id DESC
			 LIMIT :limit
			""";

	// Bodies are not compressed, so PostgreSQL reads no more than the slice.
	private static final String SLICE = """
			SELECT substring(body FROM :from FOR :length)
			  FROM refusal
			 WHERE id = :id
			""";

	private static final String LIMIT_LOCK_WAIT = """
			SET LOCAL lock_timeout = '2s'
			""";

	private static final String DELETE = """
			DELETE FROM refusal
			 WHERE id = :id
			""";

	private final JdbcClient jdbc;

	RefusalCatalog(JdbcClient jdbc) {
		this.jdbc = jdbc;
	}

	/**
	 * Lists records, newest first.
	 * @param dataId only records of this stream, or null
	 * @param code only records with this code, or null
	 * @param after the last record of the page before, or null for the first page
	 */
	List<Refusal> page(@Nullable UUID dataId, @Nullable String code, @Nullable RefusalCursor after, int limit) {
		JdbcClient.StatementSpec query = this.jdbc
			.sql(RECORDS + ((dataId != null) ? OF_STREAM : "") + ((code != null) ? WITH_CODE : "")
					+ ((after != null) ? AFTER : "") + NEWEST_FIRST)
			.param("limit", limit);
		if (dataId != null) {
			query.param("data_id", dataId);
		}
		if (code != null) {
			query.param("code", code);
		}
		if (after != null) {
			query.param("first_received_at", after.firstReceivedAt().atOffset(ZoneOffset.UTC))
				.param("after", after.id());
		}
		return query.query(RefusalCatalog::refusal).list();
	}

	Optional<Refusal> find(UUID id) {
		return this.jdbc.sql(ONE).param("id", id).query(RefusalCatalog::refusal).optional();
	}

	/**
	 * Reads a part of a body.
	 * @param offset of its first byte
	 * @return the bytes, fewer than wanted at the end, or nothing if there is no record
	 */
	Optional<byte[]> slice(UUID id, int offset, int length) {
		return this.jdbc.sql(SLICE)
			.param("from", offset + 1)
			.param("length", length)
			.param("id", id)
			.query(byte[].class)
			.optional();
	}

	/** Deletes a record. Returns whether there was one. */
	@Transactional
	public boolean delete(UUID id) {
		this.jdbc.sql(LIMIT_LOCK_WAIT).update();
		return this.jdbc.sql(DELETE).param("id", id).update() > 0;
	}

	private static Refusal refusal(ResultSet row, int index) throws SQLException {
		return new Refusal(row.getObject("id", UUID.class), time(row, "first_received_at"),
				time(row, "last_received_at"), row.getLong("count"), row.getString("code"), row.getString("detail"),
				row.getObject("key_id", UUID.class), row.getString("request_id"), row.getString("path"),
				row.getString("query"), row.getString("content_type"), row.getString("content_encoding"),
				row.getObject("data_id", UUID.class), List.of((String[]) row.getArray("channel_names").getArray()),
				row.getObject("chunk_index", Integer.class), row.getLong("body_bytes"), row.getBoolean("has_body"));
	}

	private static Instant time(ResultSet row, String column) throws SQLException {
		return row.getObject(column, OffsetDateTime.class).toInstant();
	}

}
