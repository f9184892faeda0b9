package io.metrology.database;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

import javax.sql.DataSource;

/**
 * PostgreSQL's part of a backup: between start and stop it writes every changed page
 * whole to its log (WAL), so that the log mends whatever was copied in the middle of a
 * change. The server keeps the log for us for as long as this session lasts, and forgets
 * both when it ends, however it ends.
 */
final class BackupSession implements AutoCloseable {

	// The session is silent while files are copied.
	private static final String SETTINGS = """
			SET idle_session_timeout = 0;
			SET statement_timeout = 0
			""";

	private static final String TABLESPACES = """
			SELECT count(*)
			  FROM pg_tablespace
			 WHERE spcname NOT IN ('pg_default', 'pg_global')
			""";

	// Temporary: it goes with the session. It keeps the log from here on.
	private static final String KEEP_LOG = """
			SELECT pg_create_physical_replication_slot('metrology_backup_' || pg_backend_pid(), true, true)
			""";

	private static final String START = """
			SELECT pg_backup_start('metrology-ingest backup', fast => true)
			""";

	// It also ends the current segment of the log, so that all we need are complete.
	private static final String STOP = """
			SELECT lsn,
			       labelfile
			  FROM pg_backup_stop(wait_for_archive => false)
			""";

	// The last byte that is needed stands before the stop position.
	private static final String SEGMENTS = """
			SELECT pg_walfile_name('0/0'::pg_lsn + segment * size + 1)
			  FROM (SELECT pg_size_bytes(current_setting('wal_segment_size'))::numeric AS size) AS setting,
			       generate_series(div('%s'::pg_lsn - '0/0'::pg_lsn, size), div('%s'::pg_lsn - '0/0'::pg_lsn - 1, size)) AS segment
			 ORDER BY segment
			""";

	private static final String SIZE = """
			SELECT sum(pg_database_size(oid))::bigint
			  FROM pg_database
			""";

	private final Connection connection;

	private final String startLsn;

	private BackupSession(Connection connection, String startLsn) {
		this.connection = connection;
		this.startLsn = startLsn;
	}

	/**
	 * Starts a backup; what is copied from now on counts. This waits for a checkpoint.
	 * @throws BackupException if the server has tablespaces
	 */
	static BackupSession start(DataSource dataSource) throws SQLException {
		Connection connection = dataSource.getConnection();
		try (Statement statement = connection.createStatement()) {
			statement.execute(SETTINGS);
			if (!value(statement, TABLESPACES).equals("0")) {
				throw new BackupException("The server has tablespaces outside of its data folder, which this backup "
						+ "would leave out. Use pg_basebackup of PostgreSQL 18.");
			}
			value(statement, KEEP_LOG);
			return new BackupSession(connection, value(statement, START));
		}
		catch (SQLException | RuntimeException ex) {
			connection.close();
			throw ex;
		}
	}

	/** About how many bytes there are to copy. */
	long size() throws SQLException {
		try (Statement statement = this.connection.createStatement()) {
			return Long.parseLong(value(statement, SIZE));
		}
	}

	/** Ends the backup: the files that were copied, and this, are one. */
	Stop stop() throws SQLException {
		try (Statement statement = this.connection.createStatement()) {
			String lsn;
			String label;
			try (ResultSet row = statement.executeQuery(STOP)) {
				row.next();
				lsn = row.getString(1);
				label = row.getString(2);
			}
			List<String> segments = new ArrayList<>();
			try (ResultSet rows = statement.executeQuery(SEGMENTS.formatted(this.startLsn, lsn))) {
				while (rows.next()) {
					segments.add(rows.getString(1));
				}
			}
			return new Stop(lsn, label, segments);
		}
	}

	private static String value(Statement statement, String query) throws SQLException {
		try (ResultSet row = statement.executeQuery(query)) {
			row.next();
			return row.getString(1);
		}
	}

	@Override
	public void close() throws SQLException {
		this.connection.close();
	}

	/**
	 * What completes the copied files.
	 *
	 * @param lsn where the log stood at the end
	 * @param label the content of the file {@code backup_label}, which says from where
	 * the log has to be replayed
	 * @param segments the names of the log's files that are needed for that, all complete
	 */
	record Stop(String lsn, String label, List<String> segments) {

	}

}
