package io.metrology.database;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;

/**
 * An embedded server that runs, and how to log in to it.
 *
 * @param dataFolder its data folder
 * @param getJdbcUrl the URL of the database
 * @param getUsername the user, who owns everything
 * @param getPassword the user's password
 */
record LocalServer(Path dataFolder, String getJdbcUrl, String getUsername,
		String getPassword) implements JdbcConnectionDetails {

	/** Where {@code postmaster.pid} has the port, counted from 0. */
	private static final int PORT_LINE = 3;

	/** Where it says whether the server accepts connections. */
	private static final int STATUS_LINE = 7;

	static LocalServer of(EmbeddedServer server) {
		return new LocalServer(server.dataFolder(), server.url(), server.username(), server.password());
	}

	/**
	 * The server that another process runs on a data folder; empty while it starts or
	 * stops.
	 */
	static Optional<LocalServer> runningOn(Path dataFolder) throws IOException {
		Optional<Status> status = statusOf(dataFolder.resolve("postgresql"));
		if (status.isEmpty() || !status.get().ready()) {
			return Optional.empty();
		}
		String url = EmbeddedServer.url(status.get().port(), PostgresCluster.NAME);
		String password = Files.readString(dataFolder.resolve(DataFolder.PASSWORD_FILE)).strip();
		return Optional.of(new LocalServer(dataFolder, url, PostgresCluster.NAME, password));
	}

	/** Reads the status that the server of a cluster has noted. */
	static Optional<Status> statusOf(Path cluster) throws IOException {
		try {
			List<String> lines = Files.readAllLines(cluster.resolve("postmaster.pid"), StandardCharsets.ISO_8859_1);
			return (lines.size() > STATUS_LINE) ? Optional.of(new Status(Integer.parseInt(lines.get(PORT_LINE).strip()),
					lines.get(STATUS_LINE).strip().equals("ready"))) : Optional.empty();
		}
		catch (NoSuchFileException ex) {
			return Optional.empty();
		}
	}

	/** Leaves the password out. */
	@Override
	public String toString() {
		return DatabaseAddress.of(this.getJdbcUrl).text();
	}

	/**
	 * The status of a server.
	 *
	 * @param port its TCP port
	 * @param ready whether it accepts connections
	 */
	record Status(int port, boolean ready) {

	}

}
