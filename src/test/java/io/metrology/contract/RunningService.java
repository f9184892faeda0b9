package io.metrology.contract;

import java.net.URI;

import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;

import org.springframework.context.ApplicationContext;

/** The service on a free port and a database of its own, as its users start it. */
final class RunningService implements AutoCloseable {

	private final TestService service;

	private final TestDatabase database;

	private RunningService(TestService service, TestDatabase database) {
		this.service = service;
		this.database = database;
	}

	/**
	 * Starts the service.
	 * @param settings in the form {@code metrology.http.max-body-size=1MB}
	 */
	static RunningService start(String... settings) {
		return startOn(TestPostgres.newDatabase(), settings);
	}

	/** Starts the service on a database that may have another already. */
	static RunningService startOn(TestDatabase database, String... settings) {
		return new RunningService(TestService.start(database, settings), database);
	}

	/**
	 * The one with the settings that the service is delivered with, shared by all tests.
	 */
	static RunningService asDelivered() {
		return AsDelivered.SERVICE;
	}

	int port() {
		return this.service.url().getPort();
	}

	URI uri(String pathAndQuery) {
		return URI.create(this.service.url() + pathAndQuery);
	}

	ApplicationContext context() {
		return this.service.context();
	}

	TestDatabase database() {
		return this.database;
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
		this.service.close();
	}

	/** Started when it is first asked for; ended with the JVM. */
	private static final class AsDelivered {

		static final RunningService SERVICE = start();

		static {
			Runtime.getRuntime().addShutdownHook(new Thread(SERVICE::close, "running-service-end"));
		}

	}

}
