package io.metrology.stream;

import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.DatabaseProxy;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import io.micrometer.core.instrument.MeterRegistry;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A finalize request waits for earlier requests of its stream on every instance, for a
 * limited time, and for PostgreSQL.
 */
class FinalizeWaitIT {

	private static final String BRIEF = "metrology.finalize.quiet-period=50ms";

	/** With the last second this is shorter than a request without a stream counts. */
	private static final String IMPATIENT = "metrology.finalize.max-wait=500ms";

	private static final String ENDLESS = "metrology.finalize.quiet-period=1h";

	/** Too few to show a data_id. */
	private static final int FEW_BYTES = 20;

	/** Enough to show a data_id. */
	private static final int MANY_BYTES = 100;

	private final UUID dataId = UUID.randomUUID();

	private final List<TestService> services = new ArrayList<>();

	private TestDatabase database;

	private StoredRows rows;

	@BeforeEach
	void createDatabase() throws Exception {
		this.database = TestPostgres.newDatabase();
		this.rows = new StoredRows(this.database);
	}

	@AfterEach
	void stop() throws Exception {
		this.services.forEach(TestService::close);
		this.rows.close();
	}

	@Test
	void bodyThatStallsWithoutADataIdDelaysAnotherStreamForThreeSeconds() throws Exception {
		TestService service = start(this.database, BRIEF);
		service.postChunk(chunk(0));
		long begun = System.nanoTime();
		try (StalledChunk stalled = StalledChunk.send(service, otherChunk(), FEW_BYTES)) {
			awaitInFlight(service, 1);

			Answer end = finish(service);

			assertThat(Duration.ofNanos(System.nanoTime() - begun)).isGreaterThan(Duration.ofSeconds(3));
			assertThat(end.status()).as(end.body()).isEqualTo(200);
			assertThat(stalled.complete()).isEqualTo(201);
		}
	}

	@Test
	void bodyOfTheStreamThatStallsLeavesTheStreamOpen() throws Exception {
		TestService service = start(this.database, BRIEF, IMPATIENT);
		service.postChunk(chunk(0));
		try (StalledChunk stalled = StalledChunk.send(service, chunk(1), MANY_BYTES)) {
			awaitInFlight(service, 1);

			Answer refused = finish(service);

			assertThat(refused.status()).as(refused.body()).isEqualTo(503);
			assertThat(refused.code()).isEqualTo("overloaded");
			assertThat(refused.retryAfter()).isNotNull();
			assertThat(isFinalized()).isFalse();
			assertThat(stalled.complete()).isEqualTo(201);
		}
		assertThat(finish(service).status()).isEqualTo(200);
	}

	/** A request without a stream counts for longer than this finalize request waits. */
	@Test
	void bodyThatStallsAfterAnotherDataIdDelaysNothing() throws Exception {
		TestService service = start(this.database, BRIEF, IMPATIENT);
		service.postChunk(chunk(0));
		try (StalledChunk stalled = StalledChunk.send(service, otherChunk(), MANY_BYTES)) {
			awaitInFlight(service, 1);

			Answer end = finish(service);

			assertThat(end.status()).as(end.body()).isEqualTo(200);
			assertThat(stalled.complete()).isEqualTo(201);
		}
	}

	/** The finalize request waits for longer than a request without a stream counts. */
	@Test
	void bodyThatStallsAfterTheDataIdIsWaitedForUntilItIsAnswered() throws Exception {
		TestService service = start(this.database, BRIEF);
		service.postChunk(chunk(0));
		try (StalledChunk stalled = StalledChunk.send(service, chunk(1), MANY_BYTES)) {
			awaitInFlight(service, 1);
			CompletableFuture<Answer> end = finishLater(service);
			Thread.sleep(4000);
			assertThat(end).isNotDone();

			assertThat(stalled.complete()).isEqualTo(201);

			assertThat(end.join().status()).as(end.join().body()).isEqualTo(200);
		}
	}

	/** A client may have sent the chunk because the finalize request still waits. */
	@Test
	void bodyThatArrivesLaterAndStallsDelaysNothing() throws Exception {
		TestService service = start(this.database, "metrology.finalize.quiet-period=2s",
				"metrology.finalize.max-wait=2500ms");
		service.postChunk(chunk(0));
		CompletableFuture<Answer> end = finishLater(service);
		awaitWaiting(service, 1);
		try (StalledChunk stalled = StalledChunk.send(service, chunk(1), MANY_BYTES)) {
			assertThat(end.join().status()).as(end.join().body()).isEqualTo(200);
			assertThat(stalled.complete()).isEqualTo(409);
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { FEW_BYTES, MANY_BYTES })
	void chunkInFlightOnAnotherInstanceIsStoredFirst(int bytes) throws Exception {
		TestService ingesting = start(this.database, BRIEF);
		TestService finalizing = start(this.database, BRIEF);
		ingesting.postChunk(chunk(0));
		try (StalledChunk stalled = StalledChunk.send(ingesting, chunk(1), bytes)) {
			awaitInFlight(ingesting, 1);
			CompletableFuture<Answer> end = finishLater(finalizing);
			// Longer than the quiet period, and long enough for a row of the other
			// instance.
			Thread.sleep(1300);
			assertThat(end).isNotDone();

			assertThat(stalled.complete()).isEqualTo(201);

			assertThat(end.join().status()).as(end.join().body()).isEqualTo(200);
		}
		assertThat(this.rows.channels(this.dataId).get("a").chunkCount()).isEqualTo(2);
	}

	@ParameterizedTest
	@ValueSource(strings = { "clock_timestamp() - interval '6 s', '-infinity', '-infinity', '{}', '{}'",
			"'infinity', 'infinity', 'infinity', '{}', '{}'", "'infinity', 'infinity', NULL, '{%s}', '{infinity}'",
			"'infinity', 'infinity', NULL, '{00000000-0000-4000-8000-000000000000}', '{-infinity}'" })
	void deadInstanceAndAnInstanceWithoutOlderRequestsDelayNothing(String row) throws Exception {
		TestService service = start(this.database, BRIEF, IMPATIENT);
		service.postChunk(chunk(0));
		insertInstance(row);

		Answer end = finish(service);

		assertThat(end.status()).as(end.body()).isEqualTo(200);
	}

	@ParameterizedTest
	@ValueSource(strings = { "'infinity', clock_timestamp(), NULL, '{}', '{}'",
			"'infinity', 'infinity', clock_timestamp(), '{}', '{}'",
			"'infinity', 'infinity', NULL, '{%s}', ARRAY[clock_timestamp()]" })
	void instanceWithAnOldRowOrAnOlderRequestLeavesTheStreamOpen(String row) throws Exception {
		TestService service = start(this.database, BRIEF, IMPATIENT);
		service.postChunk(chunk(0));
		insertInstance(row);

		Answer refused = finish(service);

		assertThat(refused.status()).as(refused.body()).isEqualTo(503);
		assertThat(refused.code()).isEqualTo("overloaded");
		assertThat(isFinalized()).isFalse();
	}

	@Test
	void instanceHasARowUntilItStops() throws Exception {
		String count = "SELECT count(*) FROM instance";
		TestService service = start(this.database);
		TestService other = start(this.database);
		assertThat(this.rows.text(count)).isEqualTo("2");

		other.close();

		assertThat(this.rows.text(count)).isEqualTo("1");
		service.close();
		assertThat(this.rows.text(count)).isEqualTo("0");
	}

	/** As after a crash of PostgreSQL: other instances may not have written again yet. */
	@Test
	void lostRowsAreWaitedFor() throws Exception {
		TestService service = start(this.database, BRIEF);
		service.postChunk(chunk(0));
		long begun = System.nanoTime();
		this.rows.execute("TRUNCATE instance");

		Answer end = finish(service);

		assertThat(end.status()).as(end.body()).isEqualTo(200);
		assertThat(Duration.ofNanos(System.nanoTime() - begun)).isGreaterThan(Duration.ofSeconds(5));
	}

	@Test
	void missingChunksAreCounted() throws Exception {
		TestService service = start(this.database, BRIEF);
		service.postChunk(Chunks.ofPoints(this.dataId, "a", 4, 3));
		service.postChunk(Chunks.ofPoints(this.dataId, "a", 1, 3));
		service.postChunk(Chunks.ofPoints(this.dataId, "b", 2, 3));
		UUID complete = UUID.randomUUID();
		service.postChunk(Chunks.ofPoints(complete, "a", 0, 3));

		List<HttpResponse<String>> answers = List.of(post(service, this.dataId, ""), post(service, this.dataId, "null"),
				post(service, complete, " null\n"));

		assertThat(answers).extracting(HttpResponse::statusCode).containsOnly(200);
		assertThat(answers).extracting((answer) -> answer.headers().firstValue("Missing-Chunks").orElse("none"))
			.containsExactly("5", "5", "none");
	}

	@Test
	void clientThatLeavesDuringTheWaitLeavesNothingBehind() throws Exception {
		TestService service = start(this.database, "metrology.finalize.quiet-period=1s");
		service.postChunk(chunk(0));
		try (Socket socket = new Socket(service.url().getHost(), service.url().getPort())) {
			socket.getOutputStream()
				.write(("POST " + path(this.dataId) + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
					.getBytes(StandardCharsets.US_ASCII));
			socket.getOutputStream().flush();
			awaitWaiting(service, 1);
			socket.setSoLinger(true, 0);
		}

		awaitWaiting(service, 0);
		assertThat(isFinalized()).isTrue();
		assertThat(finish(service).status()).isEqualTo(200);
	}

	@Test
	void manyFinalizeRequestsForOneStreamGetTheSameAnswer() throws Exception {
		TestService service = start(this.database, BRIEF);
		service.postChunk(chunk(0));
		List<CompletableFuture<Answer>> ends = new ArrayList<>();
		for (int i = 0; i < 100; i++) {
			ends.add(finishLater(service));
		}

		List<Answer> answers = ends.stream().map(CompletableFuture::join).toList();

		assertThat(answers).extracting(Answer::status).containsOnly(200);
		assertThat(answers).extracting(Answer::body).containsOnly(answers.get(0).body());
	}

	@Test
	void databaseThatIsAwayDuringTheWaitIsWaitedFor() throws Exception {
		try (DatabaseProxy proxy = new DatabaseProxy(this.database)) {
			TestService service = start(proxy.database(), "metrology.finalize.quiet-period=1s");
			service.postChunk(chunk(0));
			CompletableFuture<Answer> end = finishLater(service);
			awaitWaiting(service, 1);

			proxy.cut();
			Thread.sleep(3000);
			assertThat(end).isNotDone();
			proxy.restore();

			assertThat(end.join().status()).as(end.join().body()).isEqualTo(200);
			assertThat(isFinalized()).isTrue();
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void databaseThatStaysAwayEndsTheWaitAtTheDeadline(boolean stalled) throws Exception {
		try (DatabaseProxy proxy = new DatabaseProxy(this.database)) {
			TestService service = start(proxy.database(), ENDLESS);
			service.postChunk(chunk(0));
			CompletableFuture<Answer> end = finishLater(service);
			awaitWaiting(service, 1);
			if (stalled) {
				proxy.stall();
			}
			else {
				proxy.cut();
			}

			Answer answer = end.join();

			assertThat(answer.status()).as(answer.body()).isEqualTo(503);
			assertThat(answer.code()).isEqualTo("database_unavailable");
			assertThat(answer.retryAfter()).isNotNull();
			assertThat(isFinalized()).isFalse();
			awaitWaiting(service, 0);
			proxy.resume();
		}
	}

	private TestService start(TestDatabase on, String... properties) {
		TestService service = TestService.start(on, properties);
		this.services.add(service);
		return service;
	}

	private void insertInstance(String row) throws SQLException {
		this.rows.execute("INSERT INTO instance (instance_id, written_at, as_of, oldest_unknown, data_ids, arrivals) "
				+ "VALUES (gen_random_uuid(), " + row.replace("%s", this.dataId.toString()) + ")");
	}

	private String chunk(int index) {
		return Chunks.ofPoints(this.dataId, "a", index, 3);
	}

	private static String otherChunk() {
		return Chunks.ofPoints(UUID.randomUUID(), "a", 0, 3);
	}

	private static String path(UUID dataId) {
		return "/metrology/stream/" + dataId + "/finalize";
	}

	private Answer finish(TestService service) {
		return service.post(path(this.dataId));
	}

	private CompletableFuture<Answer> finishLater(TestService service) {
		return service.postLater(path(this.dataId), "");
	}

	private static HttpResponse<String> post(TestService service, UUID dataId, String body)
			throws IOException, InterruptedException {
		HttpRequest request = HttpRequest.newBuilder(service.url().resolve(path(dataId)))
			.header("Content-Type", "application/json")
			.POST(BodyPublishers.ofString(body))
			.build();
		return HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
	}

	private boolean isFinalized() throws SQLException {
		return this.rows.text("SELECT finalized_at IS NOT NULL FROM stream WHERE data_id = '" + this.dataId + "'")
			.startsWith("t");
	}

	private static void awaitInFlight(TestService service, int requests) {
		awaitGauge(service, "metrology.ingest.requests.in.flight", requests);
	}

	private static void awaitWaiting(TestService service, int requests) {
		awaitGauge(service, "metrology.stream.finalize.waiting", requests);
	}

	private static void awaitGauge(TestService service, String name, int value) {
		MeterRegistry registry = service.context().getBean(MeterRegistry.class);
		Awaitility.await()
			.atMost(Duration.ofMinutes(1))
			.pollInterval(Duration.ofMillis(10))
			.until(() -> registry.get(name).gauge().value() == value);
	}

}
