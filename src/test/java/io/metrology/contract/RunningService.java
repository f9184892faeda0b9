package io.metrology.contract;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;

import io.metrology.MetrologyIngestApplication;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;

/** The service on a free port and a database of its own, as its users start it. */
final class RunningService implements AutoCloseable {

	private final ConfigurableApplicationContext context;

	private final TestDatabase database;

	private RunningService(ConfigurableApplicationContext context, TestDatabase database) {
		this.context = context;
		this.database = database;
	}

	/**
	 * Starts the service.
	 * @param settings in the form {@code metrology.http.max-body-size=1MB}
	 */
	static RunningService start(String... settings) {
		TestDatabase database = TestPostgres.newDatabase();
		List<String> arguments = new ArrayList<>();
		arguments.add("--server.port=0");
		arguments.add("--spring.datasource.url=" + database.url());
		arguments.add("--spring.datasource.username=" + database.username());
		arguments.add("--spring.datasource.password=" + database.password());
		arguments.add("--spring.datasource.hikari.maximum-pool-size=4");
		for (String setting : settings) {
			arguments.add("--" + setting);
		}
		SpringApplication application = new SpringApplication(MetrologyIngestApplication.class);
		return new RunningService(application.run(arguments.toArray(String[]::new)), database);
	}

	/**
	 * The one with the settings that the service is delivered with, shared by all tests.
	 */
	static RunningService asDelivered() {
		return AsDelivered.SERVICE;
	}

	int port() {
		return ((WebServerApplicationContext) this.context).getWebServer().getPort();
	}

	URI uri(String pathAndQuery) {
		return URI.create("http://127.0.0.1:" + port() + pathAndQuery);
	}

	/** What the database holds at this moment. */
	DatabaseImage stored() {
		return DatabaseImage.of(this.database);
	}

	Client client() {
		return new Client(this);
	}

	@Override
	public void close() {
		this.context.close();
	}

	/** Started when it is first asked for; ended with the JVM. */
	private static final class AsDelivered {

		static final RunningService SERVICE = start();

	}

}
