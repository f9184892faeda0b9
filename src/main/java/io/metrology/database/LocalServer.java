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
		try {
			List<String> lines = Files.readAllLines(dataFolder.resolve("postgresql/postmaster.pid"),
					StandardCharsets.ISO_8859_1);
			if (lines.size() <= STATUS_LINE || !lines.get(STATUS_LINE).strip().equals("ready")) {
				return Optional.empty();
			}
			String url = EmbeddedServer.url(Integer.parseInt(lines.get(PORT_LINE).strip()), PostgresCluster.NAME);
			String password = Files.readString(dataFolder.resolve(DataFolder.PASSWORD_FILE)).strip();
			return Optional.of(new LocalServer(dataFolder, url, PostgresCluster.NAME, password));
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

}
