package io.metrology;

import io.metrology.access.AccessGate;
import io.metrology.database.DatabaseDescription;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.boot.web.server.Ssl;
import org.springframework.boot.web.server.autoconfigure.ServerProperties;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.event.EventListener;
import org.springframework.core.env.Environment;
import org.springframework.stereotype.Component;

/**
 * Says, once the service is ready, where it listens, where it stores, and how to begin.
 */
@Component
class StartupMessage {

	private static final Logger log = LoggerFactory.getLogger(StartupMessage.class);

	private static final String FIRST_CHUNK = """
			Post the first chunk with:
			  curl -X POST {}/metrology/stream/chunk -H 'Content-Type: application/json' {}-d '{
			    "data_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "chunk_index": 0, "channel_name": "thickness",
			    "timestamps": [1705312200.0, 1705312210.0, 1705312220.0], "values": [0, 5.2, 10.1], "units": "nm"}'""";

	private final DatabaseDescription database;

	private final AccessGate access;

	private final ServerProperties server;

	private final Environment environment;

	StartupMessage(DatabaseDescription database, AccessGate access, ServerProperties server, Environment environment) {
		this.access = access;
		this.database = database;
		this.server = server;
		this.environment = environment;
	}

	@EventListener
	void print(ApplicationReadyEvent ready) {
		if (!(ready.getApplicationContext() instanceof WebServerApplicationContext web) || web.getWebServer() == null) {
			return;
		}
		String url = (Ssl.isEnabled(this.server.getSsl()) ? "https://" : "http://") + host() + ":"
				+ web.getWebServer().getPort();
		log.info("Listening on {}, storing in {}.", url, this.database);
		log.info(FIRST_CHUNK, url, this.access.isOpen() ? "" : "-H \"X-API-KEY: $KEY\" ");
	}

	/** An address that this machine reaches the service by, where it listens on all. */
	private String host() {
		String address = this.environment.getProperty("server.address", "localhost");
		return (address.equals("0.0.0.0") || address.equals("::")) ? "localhost" : address;
	}

}
