package io.metrology.contract;

import java.net.http.HttpRequest.BodyPublishers;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.stream.Collectors;

import io.metrology.StoredRows;
import io.metrology.TestPostgres.TestDatabase;

import static org.assertj.core.api.Assertions.assertThat;

/** Makes keys at a service, as its administrator. */
final class Keys {

	/** The key that the service is started with. */
	static final String BOOTSTRAP = "the-first-key-of-the-test-0123456789";

	/** The setting by which it is. */
	static final String SETTING = "metrology.access.bootstrap-key=" + BOOTSTRAP;

	private final Client client;

	private final TestDatabase database;

	Keys(RunningService service) {
		this.client = service.client();
		this.database = service.database();
	}

	/** A key with some scopes. */
	Key make(String... scopes) {
		String list = Arrays.stream(scopes).map("\"%s\""::formatted).collect(Collectors.joining(", "));
		Answer made = this.client.send("POST", "/api-keys",
				BodyPublishers.ofString("{\"name\": \"Ofen 3\", \"scopes\": [%s]}".formatted(list)), "Content-Type",
				"application/json", "X-API-KEY", BOOTSTRAP);
		assertThat(made.status()).as(made.text()).isEqualTo(201);
		return new Key(made.json().required("id").stringValue(), made.json().required("key").stringValue());
	}

	Key revoked() {
		Key key = make("read", "write", "delete", "admin");
		assertThat(revoke(key).status()).isEqualTo(204);
		return key;
	}

	Answer revoke(Key key) {
		return this.client.send("DELETE", "/api-keys/" + key.id(), BodyPublishers.noBody(), "X-API-KEY", BOOTSTRAP);
	}

	/** A key whose time was over before it was first used. */
	Key expired() throws SQLException, InterruptedException {
		Key key = make("read", "write", "delete", "admin");
		try (StoredRows rows = new StoredRows(this.database)) {
			rows.execute(
					"UPDATE api_key SET expires_at = clock_timestamp() - interval '1 s' WHERE id = '" + key.id() + "'");
		}
		// The service looks once a second.
		for (int i = 0; i < 600 && get(key).status() != 401; i++) {
			Thread.sleep(50);
		}
		return key;
	}

	private Answer get(Key key) {
		return this.client.get("/metrology/streams", "X-API-KEY", key.secret());
	}

	/**
	 * A key.
	 *
	 * @param id what it is called on record
	 * @param secret the key itself
	 */
	record Key(String id, String secret) {

	}

}
