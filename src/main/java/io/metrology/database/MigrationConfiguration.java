package io.metrology.database;

import java.util.Properties;

import javax.sql.DataSource;

import org.postgresql.Driver;
import org.postgresql.PGProperty;

import org.springframework.boot.flyway.autoconfigure.FlywayConfigurationCustomizer;
import org.springframework.boot.flyway.autoconfigure.FlywayMigrationStrategy;
import org.springframework.boot.flyway.autoconfigure.FlywayProperties;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;

/** How the schema is brought up to date, by the service and by commands alike. */
@Configuration(proxyBeanMethods = false)
class MigrationConfiguration {

	private static final String CONNECT_SECONDS = "5";

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

}
