package io.metrology.access;

import java.nio.ByteBuffer;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** Keys in PostgreSQL. They are few, and so always read together. */
@Repository
class ApiKeyStore {

	private static final String ALL = """
			SELECT id,
			       name,
			       scopes,
			       created_at,
			       created_by,
			       expires_at,
			       last_used_at,
			       revoked_at,
			       revoked_by,
			       key_hash
			  FROM api_key
			 ORDER BY created_at, id
			""";

	private static final String INSERT = """
			INSERT INTO api_key (id, name, key_hash, scopes, created_by, expires_at)
			VALUES (:id, :name, :key_hash, :scopes::text[], :created_by, :expires_at)
			ON CONFLICT (key_hash) DO NOTHING
			""";

	private static final String REVOKE = """
			UPDATE api_key
			   SET revoked_at = clock_timestamp(),
			       revoked_by = :revoked_by
			 WHERE id = :id
			   AND revoked_at IS NULL
			""";

	// Of several instances one may be late: time does not go back.
	private static final String USED = """
			UPDATE api_key
			   SET last_used_at = greatest(last_used_at, :used_at)
			 WHERE id = ANY (:ids)
			""";

	private final JdbcClient jdbc;

	ApiKeyStore(JdbcClient jdbc) {
		this.jdbc = jdbc;
	}

	/** All keys ever made, oldest first, by their hashes. */
	Map<ByteBuffer, ApiKey> all() {
		Map<ByteBuffer, ApiKey> keys = new LinkedHashMap<>();
		this.jdbc.sql(ALL).query((row) -> {
			keys.put(ByteBuffer.wrap(row.getBytes("key_hash")), key(row));
		});
		return keys;
	}

	/** The key of an id. */
	Optional<ApiKey> find(UUID id) {
		return all().values().stream().filter((key) -> key.id().equals(id)).findFirst();
	}

	/** Stores a key. Returns whether it was not there before. */
	boolean insert(UUID id, String name, SecretKey secret, Set<Scope> scopes, @Nullable Instant expiresAt,
			@Nullable UUID createdBy) {
		return this.jdbc.sql(INSERT)
			.param("id", id)
			.param("name", name)
			.param("key_hash", secret.hash())
			.param("scopes", "{" + String.join(",", Scope.labels(scopes)) + "}")
			.param("created_by", createdBy)
			.param("expires_at", (expiresAt != null) ? Timestamp.from(expiresAt) : null)
			.update() > 0;
	}

	/** Revokes a key. Returns whether it was not revoked before. */
	boolean revoke(UUID id, @Nullable UUID revokedBy) {
		return this.jdbc.sql(REVOKE).param("id", id).param("revoked_by", revokedBy).update() > 0;
	}

	/** Notes that keys were used. */
	void used(Collection<UUID> ids, Instant usedAt) {
		this.jdbc.sql(USED).param("ids", ids.toArray(UUID[]::new)).param("used_at", Timestamp.from(usedAt)).update();
	}

	private static ApiKey key(ResultSet row) throws SQLException {
		return new ApiKey(row.getObject("id", UUID.class), row.getString("name"), scopes(row),
				row.getTimestamp("created_at").toInstant(), row.getObject("created_by", UUID.class),
				instant(row, "expires_at"), instant(row, "last_used_at"), instant(row, "revoked_at"),
				row.getObject("revoked_by", UUID.class));
	}

	private static Set<Scope> scopes(ResultSet row) throws SQLException {
		List<String> labels = Arrays.asList((String[]) row.getArray("scopes").getArray());
		return labels.stream().map(Scope::of).flatMap(Optional::stream).collect(Collectors.toUnmodifiableSet());
	}

	private static @Nullable Instant instant(ResultSet row, String column) throws SQLException {
		Timestamp timestamp = row.getTimestamp(column);
		return (timestamp != null) ? timestamp.toInstant() : null;
	}

}
