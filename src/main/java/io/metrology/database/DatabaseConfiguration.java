package io.metrology.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Properties;

import javax.sql.DataSource;

import org.postgresql.Driver;
import org.postgresql.PGProperty;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.flyway.autoconfigure.FlywayConfigurationCustomizer;
import org.springframework.boot.flyway.autoconfigure.FlywayMigrationStrategy;
import org.springframework.boot.flyway.autoconfigure.FlywayProperties;
import org.springframework.boot.jdbc.autoconfigure.DataSourceProperties;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.boot.sql.init.dependency.DependsOnDatabaseInitialization;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;

/** What holds for every database, embedded or not. */
@Configuration(proxyBeanMethods = false)
class DatabaseConfiguration {

	private static final String CONNECT_SECONDS = "5";

	@Bean
	@Conditional(DatabaseNamed.class)
	JdbcConnectionDetails namedConnectionDetails(DataSourceProperties properties) {
		return NamedConnectionDetails.of(properties);
	}

	@Bean
	FlywayMigrationStrategy databaseGate(JdbcConnectionDetails details, DatabaseProperties properties) {
		return new DatabaseGate(DatabaseAddress.of(details.getJdbcUrl()), properties.allowUnsafeDurability());
	}

	/**
	 * Gives migrations connections of their own: building an index may take longer than
	 * the pool's {@code socketTimeout} allows.
	 */
	@Bean
	FlywayConfigurationCustomizer migrationConnections(JdbcConnectionDetails details, FlywayProperties flyway) {
		return (configuration) -> {
			if (flyway.getUrl() == null && flyway.getUser() == null) {
				configuration.dataSource(migrationDataSource(details));
			}
		};
	}

	private static DataSource migrationDataSource(JdbcConnectionDetails details) {
		Properties properties = new Properties();
		PGProperty.CONNECT_TIMEOUT.set(properties, CONNECT_SECONDS);
		PGProperty.LOGIN_TIMEOUT.set(properties, CONNECT_SECONDS);
		PGProperty.TCP_KEEP_ALIVE.set(properties, true);
		PGProperty.APPLICATION_NAME.set(properties, "metrology-ingest migration");
		SimpleDriverDataSource dataSource = new SimpleDriverDataSource(new Driver(), details.getJdbcUrl(), properties);
		dataSource.setUsername(details.getUsername());
		dataSource.setPassword(details.getPassword());
		return dataSource;
	}

	@Bean
	@DependsOnDatabaseInitialization
	DatabaseDescription databaseDescription(DataSource dataSource, JdbcConnectionDetails details,
			ObjectProvider<EmbeddedServer> embedded) throws SQLException {
		String version = version(dataSource);
		EmbeddedServer server = embedded.getIfAvailable();
		if (server != null) {
			return new DatabaseDescription(
					"embedded PostgreSQL %s, data in %s".formatted(version, server.dataFolder()));
		}
		return new DatabaseDescription(
				"PostgreSQL %s at %s".formatted(version, DatabaseAddress.of(details.getJdbcUrl())));
	}

	/** Returns the bare number: distributions add their name to it. */
	private static String version(DataSource dataSource) throws SQLException {
		try (Connection connection = dataSource.getConnection()) {
			return connection.getMetaData().getDatabaseProductVersion().split(" ")[0];
		}
	}

}
