package io.metrology.database;

import java.sql.Connection;
import java.sql.SQLException;

import javax.sql.DataSource;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.jdbc.autoconfigure.DataSourceProperties;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.boot.sql.init.dependency.DependsOnDatabaseInitialization;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/** What holds for every database, embedded or not. */
@Configuration(proxyBeanMethods = false)
@Import(MigrationConfiguration.class)
class DatabaseConfiguration {

	@Bean
	@Conditional(DatabaseNamed.class)
	JdbcConnectionDetails namedConnectionDetails(DataSourceProperties properties) {
		return NamedConnectionDetails.of(properties);
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
