package io.metrology.contract;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.TreeMap;

import io.metrology.TestPostgres.TestDatabase;

/**
 * What a database holds: equal images hold equal rows.
 *
 * @param rows the number of rows of each table
 * @param checksums a checksum over all rows of each table
 */
record DatabaseImage(Map<String, Long> rows, Map<String, String> checksums) {

	private static final String CHECKSUM = """
			SELECT count(*),
			       coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '')
			  FROM (%s) t
			""";

	/**
	 * The arrays by the sums of their bytes, which are quicker to take than those of
	 * their text.
	 */
	private static final Map<String, String> TABLES = Map.of("stream", "SELECT * FROM stream", "channel",
			"SELECT * FROM channel", "chunk", """
					SELECT data_id,
					       channel_name,
					       chunk_index,
					       point_count,
					       revision,
					       received_at,
					       earliest_time,
					       latest_time,
					       min_value,
					       max_value,
					       missing_count,
					       content_hash,
					       md5(array_send(timestamps)),
					       md5(array_send("values"))
					  FROM chunk
					""");

	static DatabaseImage of(TestDatabase database) {
		Map<String, Long> rows = new TreeMap<>();
		Map<String, String> checksums = new TreeMap<>();
		try (Connection connection = database.connect(); Statement statement = connection.createStatement()) {
			// Doubles to the last bit, and one moment for all tables.
			statement.execute("SET extra_float_digits = 3");
			statement.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
			for (String table : TABLES.keySet()) {
				try (ResultSet row = statement.executeQuery(CHECKSUM.formatted(TABLES.get(table)))) {
					row.next();
					rows.put(table, row.getLong(1));
					checksums.put(table, row.getString(2));
				}
			}
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
		return new DatabaseImage(rows, checksums);
	}

}
