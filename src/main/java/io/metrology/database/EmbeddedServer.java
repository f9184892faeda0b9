package io.metrology.database;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.OptionalInt;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A genuine PostgreSQL that this process starts and stops, with the settings of a server
 * that must not lose data. It serves this machine only, and whoever knows its password.
 */
final class EmbeddedServer implements AutoCloseable {

	private static final Logger logger = LoggerFactory.getLogger(EmbeddedServer.class);

	private static final String PORT_TAKEN = "could not create any TCP/IP sockets";

	private static final int PORT_ATTEMPTS = 3;

	private static final int DURABLE_SETTINGS = 3;

	private static final int SESSION_END_MILLIS = 5000;

	/** All sessions except those of commands, which run beside the service. */
	private static final String SESSIONS = """
			pg_stat_activity
			 WHERE backend_type = 'client backend'
			   AND application_name <> 'metrology-ingest command'
			   AND pid <> pg_backend_pid()
			""";

	private final DataFolder folder;

	private final Postmaster postmaster;

	private final String password;

	private final int port;

	private final Supervisor supervisor;

	private EmbeddedServer(DataFolder folder, Postmaster postmaster, String password, int port) {
		this.folder = folder;
		this.postmaster = postmaster;
		this.password = password;
		this.port = port;
		this.supervisor = Supervisor.of(postmaster, port, folder.log());
	}

	/**
	 * Starts the server; at the first start on a folder, creates its database.
	 * @param dataFolder the folder that keeps everything; created if missing
	 * @param port the TCP port, or 0 for any free one
	 * @throws DatabaseStartException if that is not possible
	 */
	static EmbeddedServer start(Path dataFolder, int port) {
		// Looked for first: without it no data folder is to be made.
		PostgresArchive archive = PostgresArchive.forThisPlatform();
		DataFolder folder = DataFolder.open(dataFolder);
		try {
			return start(folder, archive, port);
		}
		catch (IOException ex) {
			folder.close();
			throw new DatabaseStartException(
					"The embedded PostgreSQL did not start on %s: %s".formatted(folder.root(), ex),
					"Check that the folder and everything in it can be written by the user of this service.", ex);
		}
		catch (RuntimeException ex) {
			folder.close();
			throw ex;
		}
	}

	private static EmbeddedServer start(DataFolder folder, PostgresArchive archive, int port) throws IOException {
		logger.info("Starting the embedded PostgreSQL, data in {}", folder.root());
		PostgresPrograms programs = PostgresPrograms.unpackInto(folder, archive);
		PostgresCluster cluster = PostgresCluster.openOrCreate(folder, programs);
		String password = cluster.password();
		Postmaster postmaster = new Postmaster(cluster.path(), programs, new ServerLog(folder.log()));
		EmbeddedServer adopted = adopt(folder, postmaster, password, port);
		if (adopted != null) {
			return adopted;
		}
		postmaster.stopOrphan();
		PostgresArchive.deleteOthers(programs.home());
		EmbeddedServer server = new EmbeddedServer(folder, postmaster, password, startOnPort(postmaster, port));
		try {
			server.createDatabase();
			return server;
		}
		catch (SQLException ex) {
			server.supervisor.close();
			postmaster.stop();
			throw new IOException("its database cannot be created: " + ex.getMessage(), ex);
		}
	}

	/**
	 * Continues with the server that a killed service left behind. A stop would cost a
	 * checkpoint, a start and a cold cache.
	 * @return null if there is no such server, or it differs from one that would be
	 * started
	 */
	private static @Nullable EmbeddedServer adopt(DataFolder folder, Postmaster postmaster, String password, int port)
			throws IOException {
		OptionalInt found = postmaster.findAdoptable(port);
		if (found.isEmpty()) {
			return null;
		}
		EmbeddedServer server = new EmbeddedServer(folder, postmaster, password, found.getAsInt());
		try {
			server.takeOver();
			logger.info("Continuing with the PostgreSQL that a killed service left running");
			return server;
		}
		catch (SQLException ex) {
			logger.warn("The PostgreSQL that a killed service left running cannot be used: {}", ex.getMessage());
			server.supervisor.close();
			return null;
		}
	}

	/**
	 * Ends the sessions of the killed service. One of them may still write a chunk that
	 * its client is about to send again.
	 * @throws SQLException if the server is not durable, or a session does not end
	 */
	private void takeOver() throws SQLException {
		try (Connection connection = DriverManager.getConnection(url("postgres"), username(), password());
				Statement statement = connection.createStatement()) {
			try (ResultSet settings = statement.executeQuery("""
					SELECT current_setting('fsync'),
					       current_setting('synchronous_commit'),
					       current_setting('full_page_writes')
					""")) {
				settings.next();
				for (int column = 1; column <= DURABLE_SETTINGS; column++) {
					if (!settings.getString(column).equals("on")) {
						throw new SQLException("it does not flush each commit to disk");
					}
				}
			}
			statement.execute("SELECT pg_terminate_backend(pid, %d) FROM %s".formatted(SESSION_END_MILLIS, SESSIONS));
			try (ResultSet left = statement.executeQuery("SELECT count(*) FROM " + SESSIONS)) {
				left.next();
				if (left.getInt(1) != 0) {
					throw new SQLException("a session of the killed service does not end");
				}
			}
		}
		createDatabase();
	}

	/** Another program may take a free port before the server does. */
	private static int startOnPort(Postmaster postmaster, int wanted) throws IOException {
		for (int attempt = 1;; attempt++) {
			int port = (wanted != 0) ? wanted : freePort();
			try {
				postmaster.start(port);
				return port;
			}
			catch (DatabaseStartException ex) {
				boolean unlucky = wanted == 0 && ex.problem().contains(PORT_TAKEN);
				if (!unlucky || attempt == PORT_ATTEMPTS) {
					throw ex;
				}
			}
		}
	}

	private static int freePort() throws IOException {
		try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByAddress(new byte[] { 127, 0, 0, 1 }))) {
			return socket.getLocalPort();
		}
	}

	private void createDatabase() throws SQLException {
		try (Connection connection = DriverManager.getConnection(url("postgres"), username(), password());
				PreparedStatement query = connection.prepareStatement("select from pg_database where datname = ?");
				Statement statement = connection.createStatement()) {
			query.setString(1, PostgresCluster.NAME);
			if (!query.executeQuery().next()) {
				statement.execute("create database " + PostgresCluster.NAME);
			}
		}
	}

	String url() {
		return url(PostgresCluster.NAME);
	}

	private String url(String database) {
		return url(this.port, database);
	}

	static String url(int port, String database) {
		return "jdbc:postgresql://127.0.0.1:%d/%s?sslmode=disable".formatted(port, database);
	}

	String username() {
		return PostgresCluster.NAME;
	}

	String password() {
		return this.password;
	}

	Path dataFolder() {
		return this.folder.root();
	}

	/** Stops the server. Whoever uses it must have closed their connections. */
	@Override
	public void close() {
		this.supervisor.close();
		try {
			this.postmaster.stop();
			logger.info("The embedded PostgreSQL has stopped");
		}
		finally {
			this.folder.close();
		}
	}

}
