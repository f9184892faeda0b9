package io.metrology.check;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

import javax.sql.DataSource;

import org.jspecify.annotations.Nullable;

/**
 * Reads, each time in a transaction of its own and so for a short time: as long as one
 * lasts, PostgreSQL cannot clean up after the writers. It writes nothing, and asks for
 * nothing that a role that only reads, or a standby, would refuse.
 */
class Snapshots implements AutoCloseable {

	/** A row is fetched with its neighbours, but memory holds no more than these. */
	static final int FETCH_ROWS = 16;

	private static final int TRIES = 5;

	/**
	 * A standby cancels what stands in the way of what it has to replay, mostly with the
	 * first; then the same is asked again. The others: the connection or server went.
	 */
	private static final Set<String> PASSING_CLASSES = Set.of("40", "08", "57");

	/** By a time-out of the role, which the next try would meet as well. */
	private static final String CANCELED = "57014";

	// Each key is looked up by its index, in order: a page must not begin by reading a
	// whole table, or by sorting what it has not yet given.
	private static final String SETTINGS = """
			SET enable_seqscan = off;
			SET enable_bitmapscan = off;
			SET enable_hashjoin = off;
			SET enable_mergejoin = off;
			SET enable_sort = off;
			SET jit = off
			""";

	private final DataSource dataSource;

	private @Nullable Connection connection;

	Snapshots(DataSource dataSource) {
		this.dataSource = dataSource;
	}

	/**
	 * Runs one statement.
	 * @param parameters its parameters, in order; asked for anew where the statement has
	 * to be repeated
	 * @param reader takes its rows; called anew, too
	 */
	<T> T read(String sql, Supplier<List<Object>> parameters, Reader<T> reader) throws SQLException {
		for (int tries = 1;; tries++) {
			try {
				return readOnce(sql, parameters.get(), reader);
			}
			catch (SQLException ex) {
				if (tries == TRIES || !isPassing(ex)) {
					throw ex;
				}
			}
		}
	}

	/** Runs one statement with fixed parameters. */
	<T> T read(String sql, List<Object> parameters, Reader<T> reader) throws SQLException {
		return read(sql, () -> parameters, reader);
	}

	private static boolean isPassing(SQLException ex) {
		String state = String.valueOf(ex.getSQLState());
		return state.length() == 5 && PASSING_CLASSES.contains(state.substring(0, 2)) && !state.equals(CANCELED);
	}

	private <T> T readOnce(String sql, List<Object> parameters, Reader<T> reader) throws SQLException {
		Connection open = connection();
		try (PreparedStatement statement = open.prepareStatement(sql)) {
			statement.setFetchSize(FETCH_ROWS);
			for (int i = 0; i < parameters.size(); i++) {
				statement.setObject(i + 1, parameters.get(i));
			}
			try (ResultSet rows = statement.executeQuery()) {
				return reader.read(rows);
			}
		}
		finally {
			endTransaction(open);
		}
	}

	private static void endTransaction(Connection open) throws SQLException {
		try {
			open.rollback();
		}
		catch (SQLException ex) {
			// It is broken; the next statement gets another.
			open.close();
		}
	}

	private Connection connection() throws SQLException {
		if (this.connection == null || this.connection.isClosed()) {
			this.connection = this.dataSource.getConnection();
			try (Statement statement = this.connection.createStatement()) {
				statement.execute(SETTINGS);
			}
			this.connection.setReadOnly(true);
			this.connection.setAutoCommit(false);
		}
		return this.connection;
	}

	@Override
	public void close() throws SQLException {
		if (this.connection != null) {
			this.connection.close();
		}
	}

	/** Takes the rows of a statement. */
	interface Reader<T> {

		T read(ResultSet rows) throws SQLException;

	}

}
