package io.metrology.ingest;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;

import io.metrology.StoredRows;
import io.metrology.TestPostgres.TestDatabase;
import org.awaitility.Awaitility;

/**
 * Stops transactions that wrote a chunk inside their COMMIT, by a deferred trigger, for
 * as long as the gate is shut.
 */
public final class CommitGate implements AutoCloseable {

	private static final String TRIGGER = """
			CREATE FUNCTION pass_commit_gate() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
			    PERFORM pg_advisory_xact_lock_shared(4711);
			    RETURN NULL;
			END
			$$;
			CREATE CONSTRAINT TRIGGER commit_gate
			 AFTER INSERT OR UPDATE ON chunk
			DEFERRABLE INITIALLY DEFERRED
			   FOR EACH ROW EXECUTE FUNCTION pass_commit_gate()
			""";

	private static final String WAITING = """
			SELECT pid
			  FROM pg_locks
			 WHERE locktype = 'advisory'
			   AND objid = 4711
			   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			   AND NOT granted
			""";

	private final Connection connection;

	private final StoredRows rows;

	/** Makes the gate, open. */
	public CommitGate(TestDatabase database, StoredRows rows) throws SQLException {
		this.connection = database.connect();
		this.rows = rows;
		execute(TRIGGER);
	}

	public void shut() throws SQLException {
		execute("SELECT pg_advisory_lock(4711)");
	}

	public void open() throws SQLException {
		execute("SELECT pg_advisory_unlock_all()");
	}

	/** Waits until a transaction stands at the gate. */
	public void awaitCommit() {
		Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> !this.rows.texts(WAITING).isEmpty());
	}

	/** Waits until none does, be it that it has passed or that it is gone. */
	public void awaitNoCommit() {
		Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> this.rows.texts(WAITING).isEmpty());
	}

	/** Ends the server processes that stand at the gate: they roll back. */
	public void terminateCommit() throws SQLException {
		List<String> pids = this.rows.texts(WAITING);
		for (String pid : pids) {
			this.rows.texts("SELECT pg_terminate_backend(" + pid + ")");
		}
		Awaitility.await()
			.atMost(Duration.ofMinutes(1))
			.until(() -> this.rows
				.texts("SELECT pid FROM pg_stat_activity WHERE pid IN (" + String.join(", ", pids) + ")")
				.isEmpty());
	}

	private void execute(String sql) throws SQLException {
		try (Statement statement = this.connection.createStatement()) {
			statement.execute(sql);
		}
	}

	@Override
	public void close() throws SQLException {
		this.connection.close();
	}

}
