package io.metrology.database;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

import javax.sql.DataSource;

import org.flywaydb.core.Flyway;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.boot.flyway.autoconfigure.FlywayMigrationStrategy;

/**
 * Lets the start go on only with a database that can keep what the service promises:
 * waits until it answers, looks at its version and its durability, then migrates it.
 */
class DatabaseGate implements FlywayMigrationStrategy {

	private static final Logger logger = LoggerFactory.getLogger(DatabaseGate.class);

	private static final Duration RETRY = Duration.ofSeconds(1);

	private static final int RETRIES_BETWEEN_WARNINGS = 10;

	private static final int OLDEST_VERSION = 150000;

	/** Connection, too few resources, and a server that starts or stops. */
	private static final Set<String> PASSING_CLASSES = Set.of("08", "53", "57");

	/** The driver's own: the server wants a password or TLS that we do not have. */
	private static final String REJECTED = "08004";

	private final DatabaseAddress address;

	private final boolean allowUnsafeDurability;

	DatabaseGate(DatabaseAddress address, boolean allowUnsafeDurability) {
		this.address = address;
		this.allowUnsafeDurability = allowUnsafeDurability;
	}

	@Override
	public void migrate(Flyway flyway) {
		requireSafe(awaitReachable(flyway.getConfiguration().getDataSource()));
		flyway.migrate();
	}

	/** Waits without a limit: whoever starts the service knows when to give up. */
	private ServerFacts awaitReachable(DataSource dataSource) {
		for (int attempt = 0;; attempt++) {
			try {
				ServerFacts facts = ServerFacts.ask(dataSource);
				if (attempt > 0) {
					logger.info("PostgreSQL at {} answers", this.address);
				}
				return facts;
			}
			catch (SQLException ex) {
				requirePassing(ex);
				if (attempt % RETRIES_BETWEEN_WARNINGS == 0) {
					logger.warn("Waiting for PostgreSQL at {}: {}", this.address, reason(ex));
				}
				pause();
			}
		}
	}

	private void requirePassing(SQLException ex) {
		String state = (ex.getSQLState() != null) ? ex.getSQLState() : "";
		if (state.equals(REJECTED) || state.length() != 5 || !PASSING_CLASSES.contains(state.substring(0, 2))) {
			throw new DatabaseStartException(
					"PostgreSQL at %s refuses the service: %s (SQLSTATE %s)".formatted(this.address, reason(ex), state),
					"Check the database's name in spring.datasource.url, spring.datasource.username and "
							+ "spring.datasource.password (SPRING_DATASOURCE_URL, _USERNAME, _PASSWORD).");
		}
	}

	/** Says in one line why the server was not reached, or what it answered. */
	static String reason(SQLException ex) {
		Throwable cause = ex.getCause();
		String message = String.valueOf(ex.getMessage()).lines().findFirst().orElse("");
		return (cause != null && cause.getMessage() != null) ? message + " (" + cause.getMessage() + ")" : message;
	}

	/**
	 * Waits without a limit, woken by a timer: Spring interrupts a start that is to end,
	 * but only where its thread waits so.
	 */
	private void pause() {
		try {
			new CompletableFuture<@Nullable Void>().completeOnTimeout(null, RETRY.toMillis(), TimeUnit.MILLISECONDS)
				.get();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new DatabaseStartException("Stopped while waiting for PostgreSQL at " + this.address,
					"Start the service again.", ex);
		}
		catch (ExecutionException ex) {
			throw new IllegalStateException("A timer does not fail", ex);
		}
	}

	private void requireSafe(ServerFacts server) {
		if (server.versionNumber() < OLDEST_VERSION) {
			throw new DatabaseStartException("PostgreSQL at %s has version %s; the service needs 15 or later"
				.formatted(this.address, server.version()),
					"Upgrade the server, or name another one with spring.datasource.url.");
		}
		if (server.fsync() && server.fullPageWrites()) {
			return;
		}
		String finding = "PostgreSQL at %s runs with fsync=%s and full_page_writes=%s: when its machine stops, data that the service has acknowledged can be lost"
			.formatted(this.address, onOff(server.fsync()), onOff(server.fullPageWrites()));
		if (!this.allowUnsafeDurability) {
			throw new DatabaseStartException(finding,
					"Switch both on in the server's configuration; or, where losing data is acceptable, set "
							+ "metrology.database.allow-unsafe-durability=true.");
		}
		logger.warn("UNSAFE: {}. Started all the same, because metrology.database.allow-unsafe-durability is true",
				finding);
	}

	private static String onOff(boolean setting) {
		return setting ? "on" : "off";
	}

	private record ServerFacts(String version, int versionNumber, boolean fsync, boolean fullPageWrites) {

		private static ServerFacts ask(DataSource dataSource) throws SQLException {
			try (Connection connection = dataSource.getConnection();
					Statement statement = connection.createStatement();
					ResultSet row = statement.executeQuery("""
							select
							    current_setting('server_version'),
							    current_setting('server_version_num')::int,
							    current_setting('fsync')::boolean,
							    current_setting('full_page_writes')::boolean
							""")) {
				row.next();
				return new ServerFacts(row.getString(1), row.getInt(2), row.getBoolean(3), row.getBoolean(4));
			}
		}

	}

}
