package io.metrology.contract;

import java.net.http.HttpRequest.BodyPublishers;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

import ch.qos.logback.classic.spi.ILoggingEvent;
import io.metrology.DatabaseProxy;
import io.metrology.StoredRows;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestPostgres;
import io.metrology.TestService;
import io.metrology.contract.Keys.Key;
import io.metrology.http.ErrorCode;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** The life of keys, and what they leave on record. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ApiKeysIT {

	private static final int TRIES = 400;

	private final RunningService service = RunningService.start(Keys.SETTING);

	private final ExecutorService threads = Executors.newCachedThreadPool();

	private final Client client = this.service.client();

	private final Keys keys = new Keys(this.service);

	@AfterAll
	void stop() {
		this.threads.shutdown();
		this.service.close();
	}

	@Test
	void keyIsShownOnceAndOnlyItsHashIsKept() throws Exception {
		Key key = this.keys.make("read", "write");
		Answer listed = admin("GET", "/api-keys", null);
		assertThat(listed.text()).contains(key.id()).doesNotContain(key.secret());
		assertThat(listed(key).required("scopes").toString()).isEqualTo("[\"read\",\"write\"]");
		assertThat(listed(key).required("created_by").stringValue())
			.isEqualTo(bootstrap().required("id").stringValue());
		try (StoredRows rows = new StoredRows(this.service.database())) {
			assertThat(rows.text("SELECT encode(key_hash, 'hex') = encode(sha256('" + key.secret()
					+ "'::bytea), 'hex') FROM api_key WHERE id = '" + key.id() + "'"))
				.isEqualTo("t");
			assertThat(rows.text("SELECT count(*) FROM api_key WHERE api_key::text LIKE '%" + key.secret() + "%'"))
				.isEqualTo("0");
		}
	}

	@Test
	void oldAndNewKeyAreBothValidUntilTheOldIsRevoked() {
		Key old = this.keys.make("read");
		Key successor = this.keys.make("read");
		assertThat(streams(old).status()).isEqualTo(200);
		assertThat(streams(successor).status()).isEqualTo(200);
		assertThat(this.keys.revoke(old).status()).isEqualTo(204);
		streams(old).assertProblem(ErrorCode.API_KEY_REVOKED);
		assertThat(streams(successor).status()).isEqualTo(200);
		String revokedAt = listed(old).required("revoked_at").stringValue();
		assertThat(this.keys.revoke(old).status()).isEqualTo(204);
		assertThat(listed(old).required("revoked_at").stringValue()).isEqualTo(revokedAt);
	}

	@Test
	void keyIsValidAtOnceAndRevokedSoonOnAnotherInstance() throws Exception {
		try (RunningService other = RunningService.startOn(this.service.database())) {
			Key key = this.keys.make("read");
			assertThat(other.client().get("/metrology/streams", "X-API-KEY", key.secret()).status()).isEqualTo(200);
			this.keys.revoke(key);
			await(() -> other.client().get("/metrology/streams", "X-API-KEY", key.secret()).status() == 401);
		}
	}

	@Test
	void useIsPutOnRecord() throws Exception {
		Key key = this.keys.make("read");
		assertThat(listed(key).required("last_used_at").isNull()).isTrue();
		streams(key);
		await(() -> !listed(key).required("last_used_at").isNull());
	}

	@Test
	void unknownKeyCannotBeRevoked() {
		admin("DELETE", "/api-keys/" + UUID.randomUUID(), null).assertProblem(ErrorCode.NOT_FOUND);
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', value = { "{} | /name /scopes", //
			"{'name': '', 'scopes': []} | /name /scopes", //
			"{'name': 3, 'scopes': 'read'} | /name /scopes", //
			"{'name': 'a', 'scopes': ['reed', 'read']} | /scopes/0", //
			"{'name': 'a', 'scopes': [1]} | /scopes/0", //
			"{'name': 'a', 'scopes': ['read'], 'expires_at': 'tomorrow'} | /expires_at", //
			"{'name': 'a', 'scopes': ['read'], 'expires_at': '2020-01-01T00:00:00Z'} | /expires_at", //
			"{'name': 'a', 'scopes': ['read'], 'expires_at': '+300000-01-01T00:00:00Z'} | /expires_at", //
			"{'name': 'a', 'scopes': ['read'], 'expires_at': 1900000000} | /expires_at" })
	void faultsInWhatAKeyIsToBeAreNamed(String json, String pointers) {
		Answer answer = admin("POST", "/api-keys", json.replace('\'', '"'));
		answer.assertProblem(ErrorCode.INVALID_REQUEST);
		assertThat(answer.faults()).containsExactlyInAnyOrder(pointers.split(" "));
	}

	@Test
	void whoActedIsOnRecordAndNoKeyIsInLogsAndMetrics() throws Exception {
		Key key = this.keys.make("write", "delete");
		Key other = this.keys.make("write");
		try (ServiceLog log = ServiceLog.open(); StoredRows rows = new StoredRows(this.service.database())) {
			ChunkJson first = new ChunkJson();
			send("POST", Client.CHUNKS, first.toString(), key);
			send("POST", Client.CHUNKS, first.toString(), other);
			assertThat(chunkWriter(rows, first.dataId)).as("an identical resend changes nothing").isEqualTo(key.id());
			send("POST", Client.CHUNKS, first.with("values", "[7, 8, 9]").toString(), other);
			String made = send("POST", "/metrology/stream/initialize", "{\"points_per_chunk\": 1}", key).json()
				.required("data_id")
				.stringValue();
			send("PATCH", "/metrology/stream/" + first.dataId + "/channels?channel=thickness", "{\"units\": \"um\"}",
					other);
			send("POST", "/metrology/stream/" + made + "/finalize", "{\"channels\": {}}", other);
			send("DELETE", "/metrology/stream/" + made, null, key);

			assertThat(chunkWriter(rows, first.dataId)).isEqualTo(other.id());
			assertThat(rows.text("SELECT created_by FROM stream WHERE data_id = '" + first.dataId + "'"))
				.isEqualTo(key.id());
			assertThat(rows.text("SELECT units_by FROM channel WHERE data_id = '" + first.dataId + "'"))
				.isEqualTo(other.id());
			assertThat(rows
				.text("SELECT created_by || ' ' || finalized_by || ' ' || deleted_by FROM stream WHERE data_id = '"
						+ made + "'"))
				.isEqualTo(key.id() + " " + other.id() + " " + key.id());
			List<String> lines = log.lines().stream().map(ILoggingEvent::getFormattedMessage).toList();
			assertThat(lines).filteredOn((line) -> line.contains(first.dataId) || line.contains(made))
				.hasSize(6)
				.anySatisfy((line) -> assertThat(line).contains("Registered", first.dataId, key.id()))
				.anySatisfy((line) -> assertThat(line).contains("Replaced", first.dataId, other.id()))
				.anySatisfy((line) -> assertThat(line).contains("Made stream", made, key.id()))
				.anySatisfy((line) -> assertThat(line).contains("units", first.dataId, other.id()))
				.anySatisfy((line) -> assertThat(line).contains("Finalized", made, other.id()))
				.anySatisfy((line) -> assertThat(line).contains("Deleted", made, key.id()));
			assertThat(String.join("\n", lines)).doesNotContain(key.secret(), other.secret(), Keys.BOOTSTRAP);
		}
		assertThat(admin("GET", "/actuator/prometheus", null).text()).doesNotContain(key.secret(), key.id());
	}

	@Test
	void knownKeyLetsChunksInWhileTheDatabaseIsAwayAndAnUnknownOneIsNotCalledWrong() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		try (DatabaseProxy proxy = new DatabaseProxy(database);
				RunningService held = RunningService.startOn(proxy.database(), Keys.SETTING)) {
			Key key = new Keys(held).make("write");
			proxy.cut();
			CompletableFuture<Answer> waiting = CompletableFuture.supplyAsync(() -> held.client()
				.send("POST", Client.CHUNKS, BodyPublishers.ofString(new ChunkJson().toString()), "Content-Type",
						"application/json", "X-API-KEY", key.secret()));
			held.client()
				.get("/metrology/streams", "X-API-KEY", "unknown")
				.assertProblem(ErrorCode.DATABASE_UNAVAILABLE);
			proxy.restore();
			assertThat(waiting.get().status()).isEqualTo(201);
		}
	}

	@Test
	void wrongKeysTakeNoPlacesWhileTheDatabaseIsAway() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		try (DatabaseProxy proxy = new DatabaseProxy(database);
				RunningService held = RunningService.startOn(proxy.database(), Keys.SETTING,
						"server.tomcat.threads.max=20")) {
			proxy.cut();
			List<CompletableFuture<Answer>> wrong = new ArrayList<>();
			for (int i = 0; i < 60; i++) {
				int number = i;
				wrong.add(CompletableFuture.supplyAsync(
						() -> held.client().get("/metrology/streams", "X-API-KEY", "wrong-" + number), this.threads));
			}
			for (CompletableFuture<Answer> answer : wrong) {
				// One after the other they would take 5 s each.
				assertThat(answer.get(60, TimeUnit.SECONDS).status()).isEqualTo(503);
			}
			CompletableFuture<Answer> waiting = CompletableFuture.supplyAsync(() -> held.client()
				.send("POST", Client.CHUNKS, BodyPublishers.ofString(new ChunkJson().toString()), "Content-Type",
						"application/json", "X-API-KEY", Keys.BOOTSTRAP),
					this.threads);
			assertThat(held.client().get("/actuator/health/liveness").status()).isEqualTo(200);
			proxy.restore();
			assertThat(waiting.get(60, TimeUnit.SECONDS).status()).isEqualTo(201);
		}
	}

	@Test
	void bootstrapKeyThatWasRevokedStaysSo() {
		TestDatabase database = TestPostgres.newDatabase();
		try (RunningService first = RunningService.startOn(database, Keys.SETTING)) {
			String id = first.client()
				.get("/api-keys", "X-API-KEY", Keys.BOOTSTRAP)
				.json()
				.at("/api_keys/0/id")
				.stringValue();
			new Keys(first).revoke(new Key(id, Keys.BOOTSTRAP));
		}
		try (RunningService second = RunningService.startOn(database, Keys.SETTING)) {
			second.client().get("/api-keys", "X-API-KEY", Keys.BOOTSTRAP).assertProblem(ErrorCode.API_KEY_REVOKED);
			// With no valid key left it is as closed as before.
			second.client().get("/metrology/streams").assertProblem(ErrorCode.API_KEY_MISSING);
		}
	}

	@Test
	void withoutAKeyOnlyThisMachineIsServed() throws Exception {
		try (RunningService open = RunningService.start()) {
			assertThat(open.client().get("/metrology/streams").status()).isEqualTo(200);
			assertThat(open.client().get("/metrology/streams", "X-API-KEY", "any").status()).isEqualTo(200);
			for (String host : List.of("localhost", "localhost:8080", "127.0.0.1", "127.1.2.3:80", "[::1]:8080",
					"lab.localhost")) {
				assertThat(get(open, "Host: " + host).status()).as(host).isEqualTo(200);
			}
			for (String headers : List.of("Host: evil.example.org", "Host: 127.0.0.1.evil.example.org",
					"Host: localhost.evil.example.org", "Host: 10.0.0.1",
					"Host: localhost\r\nOrigin: http://evil.example.org", "Host: localhost\r\nOrigin: null",
					"Host: localhost\r\nX-Forwarded-For: 10.0.0.1", "Host: localhost\r\nForwarded: for=10.0.0.1",
					"Host: localhost\r\nVia: 1.1 proxy")) {
				get(open, headers).assertProblem(ErrorCode.API_KEY_MISSING);
			}
			assertThat(get(open, "Host: localhost\r\nOrigin: http://localhost:3000").status()).isEqualTo(200);
			Answer made = open.client().post("/api-keys", "{\"name\": \"first\", \"scopes\": [\"read\", \"admin\"]}");
			assertThat(made.status()).isEqualTo(201);
			open.client().get("/metrology/streams").assertProblem(ErrorCode.API_KEY_MISSING);
			assertThat(get(open, "Host: evil.example.org\r\nX-API-KEY: " + made.json().required("key").stringValue())
				.status()).isEqualTo(200);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "server.address=0.0.0.0", "server.address=", "server.forward-headers-strategy=framework",
			"server.forward-headers-strategy=native", "management.server.port=0 management.server.address=0.0.0.0" })
	void startIsRefusedWhereOthersCouldReachItAndThereIsNoKey(String settings) {
		TestDatabase database = TestPostgres.newDatabase();
		assertThatThrownBy(() -> TestService.start(database, settings.split(" ")))
			.hasMessageContaining("no API key was ever made");
	}

	@Test
	void startElsewhereNeedsABootstrapKeyThatCannotBeGuessed() {
		TestDatabase database = TestPostgres.newDatabase();
		assertThatThrownBy(
				() -> TestService.start(database, "server.address=0.0.0.0", "metrology.access.bootstrap-key=short"))
			.hasMessageContaining("could be guessed")
			.hasMessageNotContaining("short");
		assertThatThrownBy(() -> TestService.start(database, "server.address=0.0.0.0",
				"metrology.access.bootstrap-key=größer-als-zwanzig-zeichen"))
			.hasMessageContaining("header cannot carry");
		try (RunningService service = RunningService.startOn(database, "server.address=0.0.0.0", Keys.SETTING)) {
			service.client().get("/metrology/streams").assertProblem(ErrorCode.API_KEY_MISSING);
		}
		// From then on there is one.
		RunningService.startOn(database, "server.address=0.0.0.0").close();
	}

	@Test
	void browsersAreToldWhatTheyMayDoWithAnAnswer() {
		Answer read = admin("GET", "/metrology/streams", null);
		assertThat(read.header("Content-Security-Policy")).contains("default-src 'self'", "frame-ancestors 'none'");
		assertThat(read.header("X-Content-Type-Options")).isEqualTo("nosniff");
		assertThat(read.header("Referrer-Policy")).isEqualTo("no-referrer");
		assertThat(read.header("Access-Control-Allow-Origin")).isNull();
	}

	@Test
	void noOriginIsTrustedUnlessConfigured() {
		Answer preflight = preflight(this.service, "https://lab.example.org", "POST");
		assertThat(preflight.status()).isEqualTo(401);
		assertThat(preflight.header("Access-Control-Allow-Origin")).isNull();
	}

	@Test
	void pagesOfConfiguredOriginsMayUseTheApiAndOthersMayNot() {
		try (RunningService trusting = RunningService.start(Keys.SETTING,
				"metrology.access.cors-origins=https://lab.example.org,https://b.example.org")) {
			Answer preflight = preflight(trusting, "https://lab.example.org", "POST");
			assertThat(preflight.status()).isEqualTo(200);
			assertThat(preflight.header("Access-Control-Allow-Origin")).isEqualTo("https://lab.example.org");
			assertThat(preflight.header("Access-Control-Allow-Headers")).containsIgnoringCase("x-api-key");
			assertThat(preflight.header("Access-Control-Allow-Credentials")).isNull();
			Answer read = trusting.client()
				.get("/metrology/streams", "X-API-KEY", Keys.BOOTSTRAP, "Origin", "https://lab.example.org");
			assertThat(read.status()).isEqualTo(200);
			assertThat(read.header("Access-Control-Allow-Origin")).isEqualTo("https://lab.example.org");
			preflight(trusting, "https://evil.example.org", "POST").assertProblem(ErrorCode.ORIGIN_NOT_ALLOWED);
			preflight(trusting, "https://lab.example.org", "PUT").assertProblem(ErrorCode.ORIGIN_NOT_ALLOWED);
			trusting.client()
				.get("/metrology/streams", "X-API-KEY", Keys.BOOTSTRAP, "Origin", "https://evil.example.org")
				.assertProblem(ErrorCode.ORIGIN_NOT_ALLOWED);
		}
	}

	private static Answer preflight(RunningService service, String origin, String method) {
		return service.client()
			.send("OPTIONS", Client.CHUNKS, BodyPublishers.noBody(), "Origin", origin, "Access-Control-Request-Method",
					method, "Access-Control-Request-Headers", "x-api-key, content-type");
	}

	private static Answer get(RunningService service, String headers) throws Exception {
		return RawConnection.exchange(service,
				"GET /metrology/streams HTTP/1.1\r\n" + headers + "\r\nConnection: close\r\n\r\n");
	}

	private static String chunkWriter(StoredRows rows, String dataId) throws Exception {
		return rows.text("SELECT written_by FROM chunk WHERE data_id = '" + dataId + "'");
	}

	private Answer streams(Key key) {
		return this.client.get("/metrology/streams", "X-API-KEY", key.secret());
	}

	private JsonNode bootstrap() {
		return admin("GET", "/api-keys", null).json().at("/api_keys/0");
	}

	private JsonNode listed(Key key) {
		return admin("GET", "/api-keys", null).json()
			.required("api_keys")
			.valueStream()
			.filter((listed) -> listed.required("id").stringValue().equals(key.id()))
			.findFirst()
			.orElseThrow();
	}

	private Answer admin(String method, String path, String json) {
		return send(method, path, json, new Key("", Keys.BOOTSTRAP));
	}

	private Answer send(String method, String path, String json, Key key) {
		return (json == null) ? this.client.send(method, path, BodyPublishers.noBody(), "X-API-KEY", key.secret())
				: this.client.send(method, path, BodyPublishers.ofString(json), "Content-Type", "application/json",
						"X-API-KEY", key.secret());
	}

	private static void await(Callable<Boolean> condition) throws Exception {
		for (int i = 0; i < TRIES; i++) {
			if (condition.call()) {
				return;
			}
			Thread.sleep(50);
		}
		throw new AssertionError("It did not come to pass");
	}

}
