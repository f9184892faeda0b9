package io.metrology.database;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Properties;

import javax.sql.DataSource;

import org.flywaydb.core.Flyway;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;
import org.postgresql.PGProperty;

import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.jdbc.autoconfigure.DataSourceProperties;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;
import org.springframework.util.StringUtils;

/**
 * The service's database, for an operator's command: the one that is named, or the
 * embedded one, whether the service runs on it at this moment or not.
 */
public final class OperatedDatabase implements AutoCloseable {

	private static final int PORT_LINE = 3;

	private final JdbcConnectionDetails details;

	private final @Nullable EmbeddedServer started;

	private final boolean allowUnsafeDurability;

	private OperatedDatabase(JdbcConnectionDetails details, @Nullable EmbeddedServer started,
			boolean allowUnsafeDurability) {
		this.details = details;
		this.started = started;
		this.allowUnsafeDurability = allowUnsafeDurability;
	}

	/**
	 * Finds the database by the settings of the service.
	 * @param mayCreate whether a data folder that does not exist is to be made
	 * @throws DatabaseStartException if there is none, or it cannot be used
	 */
	public static OperatedDatabase open(Environment settings, boolean mayCreate) {
		Binder binder = Binder.get(settings);
		DatabaseProperties properties = binder.bindOrCreate("metrology.database", DatabaseProperties.class);
		if (StringUtils.hasText(settings.getProperty("spring.datasource.url"))) {
			DataSourceProperties named = binder.bindOrCreate("spring.datasource", DataSourceProperties.class);
			return new OperatedDatabase(NamedConnectionDetails.of(named), null, properties.allowUnsafeDurability());
		}
		Path folder = binder.bindOrCreate("metrology", DataDirProperties.class).path();
		if (!mayCreate && !Files.exists(folder.resolve(FolderLock.FILE))) {
			throw new DatabaseStartException(
					"There is no data folder of this service at " + folder.toAbsolutePath().normalize(),
					"Name it with METROLOGY_DATA_DIR, or a PostgreSQL server with SPRING_DATASOURCE_URL.");
		}
		return embedded(folder, properties);
	}

	private static OperatedDatabase embedded(Path folder, DatabaseProperties properties) {
		try {
			EmbeddedServer server = EmbeddedServer.start(folder, properties.embeddedPort());
			return new OperatedDatabase(Login.of(server), server, properties.allowUnsafeDurability());
		}
		catch (DatabaseStartException ex) {
			// The service runs on it, and so does its server.
			Login running = running(folder);
			if (running == null) {
				throw ex;
			}
			return new OperatedDatabase(running, null, properties.allowUnsafeDurability());
		}
	}

	private static @Nullable Login running(Path folder) {
		try {
			List<String> lines = Files.readAllLines(folder.resolve("postgresql").resolve("postmaster.pid"));
			String password = Files.readString(folder.resolve("postgresql-password")).strip();
			return (lines.size() > PORT_LINE)
					? new Login(EmbeddedServer.url(Integer.parseInt(lines.get(PORT_LINE).strip())), password) : null;
		}
		catch (IOException | NumberFormatException ex) {
			return null;
		}
	}

	/** Its connections, each made anew. */
	public DataSource dataSource() {
		Properties properties = new Properties();
		PGProperty.CONNECT_TIMEOUT.set(properties, "5");
		PGProperty.APPLICATION_NAME.set(properties, "metrology-ingest command");
		SimpleDriverDataSource dataSource = new SimpleDriverDataSource(new Driver(), this.details.getJdbcUrl(),
				properties);
		dataSource.setUsername(this.details.getUsername());
		dataSource.setPassword(this.details.getPassword());
		return dataSource;
	}

	/**
	 * Brings its schema up to date, as a start of the service would.
	 * @throws DatabaseStartException if it cannot be reached: who waits at a prompt is
	 * told at once
	 */
	public void migrate() {
		requireReachable();
		new DatabaseGate(DatabaseAddress.of(this.details.getJdbcUrl()), this.allowUnsafeDurability)
			.migrate(Flyway.configure().dataSource(dataSource()).load());
	}

	private void requireReachable() {
		try {
			dataSource().getConnection().close();
		}
		catch (SQLException ex) {
			throw new DatabaseStartException(
					"PostgreSQL at %s cannot be used: %s".formatted(DatabaseAddress.of(this.details.getJdbcUrl()),
							ex.getMessage()),
					"Check SPRING_DATASOURCE_URL, _USERNAME and _PASSWORD, and that the server runs.", ex);
		}
	}

	/** Stops the embedded server, if it was started for the command. */
	@Override
	public void close() {
		if (this.started != null) {
			this.started.close();
		}
	}

	/** How to log in to an embedded server. */
	private record Login(String url, String password) implements JdbcConnectionDetails {

		static Login of(EmbeddedServer server) {
			return new Login(server.url(), server.password());
		}

		@Override
		public String getUsername() {
			return PostgresCluster.NAME;
		}

		@Override
		public String getPassword() {
			return this.password;
		}

		@Override
		public String getJdbcUrl() {
			return this.url;
		}

	}

}
