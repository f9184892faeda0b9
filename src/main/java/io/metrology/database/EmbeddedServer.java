package io.metrology.database;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;

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
