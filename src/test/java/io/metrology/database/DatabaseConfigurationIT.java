package io.metrology.database;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

import javax.sql.DataSource;

import com.zaxxer.hikari.HikariDataSource;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/** The database as the application context has it, with the service's own settings. */
@ExtendWith(OutputCaptureExtension.class)
class DatabaseConfigurationIT {

	@Test
	void withoutADatabaseNamedTheEmbeddedOneIsUsedAndStopsAfterThePool(@TempDir Path parent, CapturedOutput output) {
		Path folder = ServerFolders.newFolder(parent);

		try (ConfigurableApplicationContext context = start("metrology.data-dir=" + folder, "spring.datasource.url=",
				"logging.level.com.zaxxer.hikari=info")) {
			assertThat(context.getBean(DatabaseDescription.class).text())
				.matches("embedded PostgreSQL 18\\.\\d+, data in " + folder);
		}

		assertThat(output.getAll()).containsSubsequence("metrology - Shutdown completed",
				"The embedded PostgreSQL has stopped");
	}

	@Test
	void namedDatabaseIsUsed() {
		TestDatabase database = TestPostgres.newDatabase();

		try (ConfigurableApplicationContext context = start(named(database))) {
			assertThat(context.getBeansOfType(EmbeddedServer.class)).isEmpty();
			assertThat(context.getBean(DatabaseDescription.class).text())
				.matches("PostgreSQL \\d+\\.\\d+ at .*:\\d+/" + database.url().replaceAll(".*/([^?]*).*", "$1"));
		}
	}

	@Test
	void connectionsAreSafeWhateverTheDatabaseDefaultsTo() throws SQLException {
		TestDatabase database = TestPostgres.newDatabase();
		execute(database, "alter database %s set synchronous_commit = off", database);
		execute(database, "alter database %s set default_transaction_isolation = 'serializable'", database);

		try (ConfigurableApplicationContext context = start(named(database));
				Connection connection = context.getBean(DataSource.class).getConnection()) {
			assertThat(Sql.value(connection, "show synchronous_commit")).isEqualTo("on");
			assertThat(Sql.value(connection, "show transaction_isolation")).isEqualTo("read committed");
			assertThat(Sql.value(connection, "show application_name")).isEqualTo("metrology-ingest");
			assertThat(connection.getNetworkTimeout()).isEqualTo(10_000);
		}
	}

	@Test
	void passwordInTheUrlIsNeitherLoggedNorKept(CapturedOutput output) {
		TestDatabase database = TestPostgres.newDatabase();
		String separator = database.url().contains("?") ? "&" : "?";
		String url = database.url() + separator + "user=" + database.username() + "&password=" + database.password();

		try (ConfigurableApplicationContext context = start("spring.datasource.url=" + url)) {
			assertThat(context.getBean(HikariDataSource.class).getJdbcUrl()).doesNotContain("password");
		}

		assertThat(output).doesNotContain("password=");
	}

	@Test
	void operatorSeesAPlainMessage(@TempDir Path foreign, CapturedOutput output) throws Exception {
		Files.writeString(foreign.resolve("thesis.tex"), "important");

		assertThatExceptionOfType(Exception.class).isThrownBy(() -> start("metrology.data-dir=" + foreign));

		assertThat(output.getAll()).contains("APPLICATION FAILED TO START", "thesis.tex", "METROLOGY_DATA_DIR")
			.doesNotContain("\tat ");
	}

	private static String[] named(TestDatabase database) {
		return new String[] { "spring.datasource.url=" + database.url(),
				"spring.datasource.username=" + database.username(),
				"spring.datasource.password=" + database.password() };
	}

	private static void execute(TestDatabase database, String sql, TestDatabase named) throws SQLException {
		try (Connection connection = database.connect(); Statement statement = connection.createStatement()) {
			statement.execute(sql.formatted(named.url().replaceAll(".*/([^?]*).*", "$1")));
		}
	}

	private static ConfigurableApplicationContext start(String... properties) {
		List<String> arguments = new ArrayList<>(List.of("--spring.flyway.locations=classpath:no-migrations"));
		for (String property : properties) {
			arguments.add("--" + property);
		}
		return new SpringApplicationBuilder(DatabaseOnly.class).web(WebApplicationType.NONE)
			.run(arguments.toArray(String[]::new));
	}

	@Configuration(proxyBeanMethods = false)
	@EnableConfigurationProperties({ DatabaseProperties.class, DataDirProperties.class })
	@Import({ DatabaseConfiguration.class, EmbeddedDatabaseConfiguration.class })
	@ImportAutoConfiguration({ DataSourceAutoConfiguration.class, FlywayAutoConfiguration.class })
	static class DatabaseOnly {

	}

}
