package io.metrology;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import io.metrology.database.EmbeddedTestServer;
import org.postgresql.Driver;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.postgresql.PostgreSQLContainer;

/**
 * The one door by which every integration test gets a real PostgreSQL. The system
 * property {@code test.postgres} says which:
 * <ul>
 * <li>{@code auto} (the default): a container where a Docker engine answers, else the
 * embedded server</li>
 * <li>{@code embedded}: the embedded server, with its data in
 * {@code target/test-postgres}</li>
 * <li>{@code testcontainers}: a container of {@code postgres:18}</li>
 * <li>a JDBC URL with {@code user} and {@code password}, of a user who may create
 * databases</li>
 * </ul>
 * One server serves all tests of a JVM. Without a server the tests fail; they are never
 * skipped.
 */
public final class TestPostgres {

	private static final String PREFIX = "metrology_test_";

	private static final AtomicInteger COUNTER = new AtomicInteger();

	private TestPostgres() {
	}

	/** Returns a database of its own, empty, for the caller. */
	public static TestDatabase newDatabase() {
		TestDatabase server = ServerHolder.SERVER;
		String name = PREFIX + ProcessHandle.current().pid() + "_" + COUNTER.incrementAndGet();
		execute(server, "create database " + name);
		return server.named(name);
	}

	private static TestDatabase start() {
		String way = System.getProperty("test.postgres", "auto");
		if (way.equals("auto")) {
			way = DockerClientFactory.instance().isDockerAvailable() ? "testcontainers" : "embedded";
		}
		System.out.println("Tests run on PostgreSQL by test.postgres=" + withoutPassword(way));
		return switch (way) {
			case "testcontainers" -> startContainer();
			case "embedded" -> startEmbedded();
			default -> useServer(way);
		};
	}

	private static String withoutPassword(String way) {
		return way.replaceAll("password=[^&]*", "password=...");
	}

	/** Testcontainers itself removes it in the end. */
	private static TestDatabase startContainer() {
		PostgreSQLContainer container = new PostgreSQLContainer("postgres:18")
			// Not Testcontainers' own command, which switches fsync off.
			.withCommand("postgres");
		container.start();
		return new TestDatabase(container.getJdbcUrl(), container.getUsername(), container.getPassword());
	}

	private static TestDatabase startEmbedded() {
		String fork = System.getProperty("surefire.forkNumber", "1");
		EmbeddedTestServer server = EmbeddedTestServer.start(Path.of("target", "test-postgres", fork));
		TestDatabase database = new TestDatabase(server.url(), server.username(), server.password());
		dropAll(database, PREFIX);
		atEnd(database, server::close);
		return database;
	}

	private static TestDatabase useServer(String url) {
		Properties parsed = Driver.parseURL(url, null);
		if (parsed == null) {
			throw new IllegalStateException(
					"test.postgres must be auto, embedded, testcontainers or a JDBC URL of PostgreSQL");
		}
		String plainUrl = url.replaceAll("(?<=[?&])(user|password)=[^&]*&?", "").replaceAll("[?&]$", "");
		TestDatabase server = new TestDatabase(plainUrl, parsed.getProperty("user", ""),
				parsed.getProperty("password", ""));
		atEnd(server, () -> dropAll(server, PREFIX + ProcessHandle.current().pid() + "_"));
		return server;
	}

	private static void atEnd(TestDatabase server, Runnable action) {
		Runtime.getRuntime().addShutdownHook(new Thread(() -> {
			awaitOthersGone(server);
			action.run();
		}, "test-postgres-end"));
	}

	/** Application contexts close at the same time, and still need their database. */
	private static void awaitOthersGone(TestDatabase server) {
		String others = "select count(*) from pg_stat_activity where backend_type = 'client backend' "
				+ "and datname like '" + PREFIX + ProcessHandle.current().pid() + "\\_%'";
		try (Connection connection = server.connect(); Statement statement = connection.createStatement()) {
			for (int attempt = 0; attempt < 100 && number(statement, others) > 0; attempt++) {
				Thread.sleep(100);
			}
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private static int number(Statement statement, String query) throws SQLException {
		try (ResultSet row = statement.executeQuery(query)) {
			row.next();
			return row.getInt(1);
		}
	}

	private static void dropAll(TestDatabase server, String prefix) {
		execute(server, """
				select 'drop database ' || datname || ' with (force)'
				from pg_database
				where starts_with(datname, '%s')
				""".formatted(prefix), true);
	}

	private static void execute(TestDatabase server, String sql) {
		execute(server, sql, false);
	}

	private static void execute(TestDatabase server, String sql, boolean executeResult) {
		try (Connection connection = server.connect();
				Statement statement = connection.createStatement();
				Statement second = connection.createStatement()) {
			statement.execute(sql);
			while (executeResult && statement.getResultSet().next()) {
				second.execute(statement.getResultSet().getString(1));
			}
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * A database and how to log in to it.
	 *
	 * @param url the JDBC URL, without user and password
	 * @param username the user, who owns the database
	 * @param password the user's password
	 */
	public record TestDatabase(String url, String username, String password) {

		private static final Pattern URL = Pattern.compile("(jdbc:postgresql://[^/]*/)([^?]*)(\\?.*)?");

		public Connection connect() throws SQLException {
			return DriverManager.getConnection(this.url, this.username, this.password);
		}

		private TestDatabase named(String name) {
			Matcher matcher = URL.matcher(this.url);
			if (!matcher.matches()) {
				throw new IllegalStateException("Not of the form jdbc:postgresql://host:port/database: " + this.url);
			}
			String parameters = (matcher.group(3) != null) ? matcher.group(3) : "";
			return new TestDatabase(matcher.group(1) + name + parameters, this.username, this.password);
		}

	}

	/** Starts the server when it is first asked for. */
	private static final class ServerHolder {

		static final TestDatabase SERVER = start();

	}

}
