package io.metrology.database;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

import javax.sql.DataSource;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceProperties;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.util.StringUtils;

/**
 * The database of the service, for a command that runs beside it or without it: the one
 * that {@code spring.datasource.url} names, else the embedded one. Where the service runs
 * on the data folder, its server is used; else one is started, and stopped in the end.
 */
public final class ServiceDatabase implements AutoCloseable {

	private static final int POLLS = 300;

	private static final int POLL_MILLIS = 100;

	private final ConfigurableEnvironment settings;

	private final JdbcConnectionDetails details;

	private final DataSource dataSource;

	private final @Nullable EmbeddedServer started;

	private final Thread endOfProcess = new Thread(this::stopServer, "stop-postgresql");

	private ServiceDatabase(ConfigurableEnvironment settings, JdbcConnectionDetails details,
			@Nullable EmbeddedServer started) {
		this.settings = settings;
		this.details = details;
		this.started = started;
		this.dataSource = CommandConnections.to(details, settings);
		Runtime.getRuntime().addShutdownHook(this.endOfProcess);
	}

	/**
	 * Finds the database that the service with these settings uses, and sees that it
	 * answers.
	 * @throws DatabaseStartException if there is none, or it refuses
	 */
	public static ServiceDatabase open(ConfigurableEnvironment settings, MissingFolder missing) {
		DataSourceProperties named = Binder.get(settings).bindOrCreate("spring.datasource", DataSourceProperties.class);
		if (StringUtils.hasText(named.getUrl())) {
			return answering(new ServiceDatabase(settings, NamedConnectionDetails.of(named), null));
		}
		Path folder = Binder.get(settings).bindOrCreate("metrology", DataDirProperties.class).path().toAbsolutePath();
		if (missing == MissingFolder.REFUSE) {
			requireCluster(folder.normalize());
		}
		try {
			return answering(embedded(settings, folder));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static void requireCluster(Path folder) {
		// Without the right to look into it, it is for the start to complain.
		if (Files.isExecutable(folder) ? !Files.exists(folder.resolve("postgresql/PG_VERSION"))
				: Files.notExists(folder)) {
			throw new DatabaseStartException("There is no database in the data folder " + folder,
					"Name the folder of the service with METROLOGY_DATA_DIR (metrology.data-dir), or its server with "
							+ "SPRING_DATASOURCE_URL.");
		}
	}

	private static ServiceDatabase embedded(ConfigurableEnvironment settings, Path folder) throws IOException {
		for (int poll = 0;; poll++) {
			try {
				EmbeddedServer server = EmbeddedServer.start(folder, 0);
				return new ServiceDatabase(settings, LocalServer.of(server), server);
			}
			catch (FolderInUseException ex) {
				Optional<LocalServer> running = LocalServer.runningOn(folder.toRealPath());
				if (running.isPresent()) {
					return new ServiceDatabase(settings, running.get(), null);
				}
				if (poll == POLLS) {
					throw new DatabaseStartException(ex.problem() + ", which is starting or stopping",
							"Try again once it has.", ex);
				}
				pause();
			}
		}
	}

	private static void pause() {
		try {
			TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new DatabaseStartException("Interrupted while waiting for the service's database", "Try again.", ex);
		}
	}

	private static ServiceDatabase answering(ServiceDatabase database) {
		try (Connection connection = database.dataSource.getConnection()) {
			return database;
		}
		catch (SQLException ex) {
			database.close();
			throw new DatabaseStartException(
					"PostgreSQL at %s does not let the command in: %s"
						.formatted(DatabaseAddress.of(database.details.getJdbcUrl()), DatabaseGate.reason(ex)),
					"Check that it runs, and SPRING_DATASOURCE_URL, _USERNAME and _PASSWORD.", ex);
		}
	}

	/** Makes a new connection each time. */
	public DataSource dataSource() {
		return this.dataSource;
	}

	/**
	 * The absolute path of the embedded server's data folder; empty for another server.
	 */
	public Optional<Path> dataFolder() {
		return (this.details instanceof LocalServer local) ? Optional.of(local.dataFolder()) : Optional.empty();
	}

	/** Where it is, for people: one line without a password. */
	public String description() {
		return dataFolder().map((folder) -> "the embedded PostgreSQL, data in " + folder)
			.orElseGet(() -> "PostgreSQL at " + DatabaseAddress.of(this.details.getJdbcUrl()));
	}

	/**
	 * Makes the schema, or brings it up to date, as the start of the service does.
	 * @throws DatabaseStartException if the database cannot keep what the service
	 * promises
	 */
	public void migrate() {
		try (AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext()) {
			context.setEnvironment(this.settings);
			context.registerBean(DataSource.class, () -> this.dataSource);
			context.registerBean(JdbcConnectionDetails.class, () -> this.details);
			context.register(Migration.class);
			context.refresh();
		}
	}

	@Override
	public void close() {
		try {
			Runtime.getRuntime().removeShutdownHook(this.endOfProcess);
		}
		catch (IllegalStateException ex) {
			// The process ends, and stops the server by that.
			return;
		}
		stopServer();
	}

	private void stopServer() {
		if (this.started != null) {
			this.started.close();
		}
	}

	/** What is done where there is no data folder, or no database in it. */
	public enum MissingFolder {

		/** It is an error. */
		REFUSE,

		/** A new database is made. */
		CREATE

	}

	/** Migrates when it is started. */
	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration(FlywayAutoConfiguration.class)
	@EnableConfigurationProperties(DatabaseProperties.class)
	@Import(MigrationConfiguration.class)
	static class Migration {

	}

}
