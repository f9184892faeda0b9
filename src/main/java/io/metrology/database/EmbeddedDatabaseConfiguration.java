package io.metrology.database;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.type.AnnotatedTypeMetadata;

/**
 * Starts the embedded PostgreSQL where no other is named. The connection pool depends on
 * the connection details, and these on the server: so the server stops after the pool.
 */
@Configuration(proxyBeanMethods = false)
@Conditional(EmbeddedDatabaseConfiguration.NoDatabaseNamed.class)
class EmbeddedDatabaseConfiguration {

	@Bean
	EmbeddedServer embeddedServer(DataDirProperties dataDir, DatabaseProperties database,
			ObjectProvider<ServerStart> begun) {
		ServerStart start = begun.getIfAvailable();
		return (start != null) ? start.await() : EmbeddedServer.start(dataDir.path(), database.embeddedPort());
	}

	@Bean
	JdbcConnectionDetails embeddedConnectionDetails(EmbeddedServer server) {
		return LocalServer.of(server);
	}

	/** The opposite of {@link DatabaseNamed}. */
	static class NoDatabaseNamed extends DatabaseNamed {

		@Override
		public boolean matches(ConditionContext context, AnnotatedTypeMetadata metadata) {
			return !super.matches(context, metadata);
		}

	}

}
