package io.metrology.stream;

import java.io.IOException;
import java.net.Socket;
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
import io.metrology.ingest.CommitGate;
import io.micrometer.core.instrument.LongTaskTimer;
import io.micrometer.core.instrument.MeterRegistry;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A stream's end overtakes chunks that are still on their way. None is lost, and once the
 * end is acknowledged nothing new gets in.
 */
class FinalizeRaceIT {

	private static final int PUSHES = 1000;

	private static final int CHANNELS = 4;

	/** For tests that have nothing on its way. */
	private static final String BRIEF = "metrology.finalize.quiet-period=50ms";

	/** Longer than the longest pause between two tries, on a busy machine, too. */
	private static final String PATIENT = "metrology.finalize.quiet-period=3s";

	private static final String ENDLESS = "metrology.finalize.quiet-period=1h";

	private static final List<String> BROKEN_MANIFESTS = List.of("{\"channels\": 5}", "{\"channels\": {\"a\": 5}}",
			"{\"channels\": {\"a\": {}}}", "{\"channels\": {\"a\": {\"chunks\": -1, \"total_points\": 1}}}",
			"{\"channels\": {\"a\": {\"chunks\": \"1\", \"total_points\": 1}}}",
			"{\"channels\": {\"\\ud800\": {\"chunks\": 1, \"total_points\": 1}}}", "[]", "5", "{", " ");

	private UUID dataId = UUID.randomUUID();

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

	@ParameterizedTest
	@ValueSource(ints = { 1, 2 })
	void everyChunkPushedBeforeTheEndIsStoredAndNothingNewAfterwards(int instances) throws Exception {
		for (int i = 0; i < instances; i++) {
			start(PATIENT);
		}
		this.dataId = initialize();
		try (Pushes pushes = new Pushes()) {
			for (int i = 0; i < PUSHES; i++) {
				pushes.push(this.services.get(i % instances), chunk(i), cuts(i));
			}

			Answer end = finish(this.services.get(0));
			List<Answer> late = this.services.stream().map((service) -> service.postChunk(chunk(PUSHES))).toList();

			assertThat(end.status()).as(end.body()).isEqualTo(200);
			assertThat(late).extracting(Answer::code).containsOnly("stream_finalized");
			assertThat(pushes.answers()).extracting(Answer::status).containsOnly(201);
		}
		assertStored(PUSHES);
		for (TestService service : this.services) {
			Answer resent = service.postChunk(chunk(17));
			assertThat(resent.status()).isEqualTo(201);
			assertThat(resent.outcome()).isEqualTo("unchanged");
			Answer other = service.postChunk(Chunks.ofPoints(this.dataId, "channel 0", 0, 5));
			assertThat(other.status()).isEqualTo(409);
			assertThat(other.code()).isEqualTo("stream_finalized");
		}
		assertStored(PUSHES);
	}

	@Test
	void instanceThatStopsWhileItDrainsLeavesTheStreamOpen() throws Exception {
		TestService stopping = start(ENDLESS, "metrology.finalize.max-wait=1h", "server.shutdown=immediate");
		TestService other = start(BRIEF);
		stopping.postChunk(chunk(0));
		CompletableFuture<Answer> end = finishLater(stopping);
		awaitFinalizing(stopping);

		stopping.close();

		assertThat(end.handle((answer, failure) -> (answer != null) ? answer.status() : 0).join()).isNotEqualTo(200);
		assertThat(other.postChunk(chunk(1)).status()).isEqualTo(201);
		assertThat(finish(other).status()).isEqualTo(200);
		assertThat(other.postChunk(chunk(2)).code()).isEqualTo("stream_finalized");
		assertStored(2);
	}

	@Test
	void chunkInItsCommitHoldsOffTheSeal() throws Exception {
		TestService service = start(BRIEF);
		assertCommitHoldsOffTheSeal(service, service);
	}

	/** Longer than the quiet period, which begins anew once the chunk is committed. */
	@Test
	void chunkInItsCommitOnAnotherInstanceHoldsOffTheSealForTheOnesQueuedBehindIt() throws Exception {
		String quiet = "metrology.finalize.quiet-period=1s";
		assertCommitHoldsOffTheSeal(start(quiet), start(quiet));
	}

	private void assertCommitHoldsOffTheSeal(TestService finalizing, TestService ingesting) throws Exception {
		try (CommitGate gate = new CommitGate(this.database, this.rows)) {
			ingesting.postChunk(chunk(0));
			gate.shut();
			CompletableFuture<Answer> first = ingesting.postChunkLater(chunk(CHANNELS));
			gate.awaitCommit();
			CompletableFuture<Answer> queued = ingesting.postChunkLater(chunk(2 * CHANNELS));

			CompletableFuture<Answer> end = finishLater(finalizing);
			Thread.sleep(2500);
			assertThat(end).isNotDone();
			assertThat(isFinalized()).isFalse();
			gate.open();

			assertThat(end.join().status()).as(end.join().body()).isEqualTo(200);
			assertThat(List.of(first.join(), queued.join())).extracting(Answer::status).containsOnly(201);
			assertThat(this.rows.channels(this.dataId).get("channel 0").chunkCount()).isEqualTo(3);
		}
	}

	@Test
	void chunkWhoseBodyIsStillArrivingHoldsOffTheSeal() throws Exception {
		TestService service = start(BRIEF);
		service.postChunk(chunk(0));
		byte[] body = chunk(1).getBytes(StandardCharsets.UTF_8);
		try (Socket socket = new Socket(service.url().getHost(), service.url().getPort())) {
			socket.getOutputStream().write(Pushes.head(body.length).getBytes(StandardCharsets.US_ASCII));
			// Enough to show the data_id.
			socket.getOutputStream().write(body, 0, 100);
			awaitInFlight(service, 1);
			CompletableFuture<Answer> end = finishLater(service);
			awaitFinalizing(service);
			assertThat(service.postChunk(chunk(2)).status()).isEqualTo(201);

			socket.getOutputStream().write(body, 100, body.length - 100);

			assertThat(end.join().status()).as(end.join().body()).isEqualTo(200);
			assertThat(statusLine(socket)).contains(" 201 ");
		}
		assertStored(3);
	}

	@Test
	void chunkHeldWhileTheDatabaseIsAwayHoldsOffTheSeal() throws Exception {
		try (DatabaseProxy proxy = new DatabaseProxy(this.database)) {
			TestService service = TestService.start(proxy.database(), BRIEF, "metrology.ingest.hold=120s",
					"metrology.finalize.max-wait=120s");
			this.services.add(service);
			service.postChunk(chunk(0));
			proxy.cut();
			CompletableFuture<Answer> held = service.postChunkLater(chunk(1));
			awaitInFlight(service, 1);
			CompletableFuture<Answer> end = finishLater(service);
			awaitFinalizing(service);

			proxy.restore();

			assertThat(held.join().status()).as(held.join().body()).isEqualTo(201);
			assertThat(end.join().status()).as(end.join().body()).isEqualTo(200);
		}
		assertStored(2);
	}

	@Test
	void manifestThatMatchesSealsWithoutWaiting() throws Exception {
		TestService service = start(ENDLESS, "metrology.finalize.max-wait=1h");
		service.postChunk(Chunks.ofPoints(this.dataId, "a/b", 0, 3));
		service.postChunk(Chunks.ofPoints(this.dataId, "a/b", 1, 4));

		Answer end = finish(service, """
				{"channels": {"a/b": {"chunks": 2, "total_points": 7}}}""");

		assertThat(end.status()).as(end.body()).isEqualTo(200);
		assertThat(isFinalized()).isTrue();
	}

	@Test
	void manifestThatIsFulfilledByALateChunkSealsThen() throws Exception {
		TestService service = start(ENDLESS, "metrology.finalize.max-wait=1h");
		service.postChunk(Chunks.ofPoints(this.dataId, "a", 0, 3));
		CompletableFuture<Answer> end = service.postLater(finalizePath(), """
				{"channels": {"a": {"chunks": 2, "total_points": 7}}}""");
		awaitFinalizing(service);

		service.postChunk(Chunks.ofPoints(this.dataId, "a", 1, 4));

		assertThat(end.join().status()).isEqualTo(200);
	}

	@Test
	void manifestThatDiffersListsEachChannelAndLeavesTheStreamOpen() throws Exception {
		TestService service = start(BRIEF);
		service.postChunk(Chunks.ofPoints(this.dataId, "a/b~c", 0, 3));
		service.postChunk(Chunks.ofPoints(this.dataId, "same", 0, 3));
		service.postChunk(Chunks.ofPoints(this.dataId, "unlisted", 0, 3));

		Answer refused = finish(service, """
				{"channels": {"a/b~c": {"chunks": 2, "total_points": 7},
				              "absent": {"chunks": 1, "total_points": 5},
				              "same": {"chunks": 1, "total_points": 3}}}""");

		assertThat(refused.status()).isEqualTo(409);
		assertThat(refused.code()).isEqualTo("manifest_mismatch");
		List<JsonNode> errors = refused.json().required("errors").valueStream().toList();
		assertThat(errors).extracting((error) -> error.required("pointer").stringValue())
			.containsExactly("/channels/a~1b~0c", "/channels/absent", "/channels/unlisted");
		assertThat(errors.get(0).required("detail").stringValue()).contains("1 chunks with 3 points",
				"2 chunks with 7 points");
		assertThat(errors.get(1).required("detail").stringValue()).contains("0 chunks with 0 points",
				"1 chunks with 5 points");
		assertThat(errors.get(2).required("detail").stringValue()).contains("1 chunks with 3 points");
		assertThat(service.postChunk(Chunks.ofPoints(this.dataId, "a/b~c", 1, 4)).status()).isEqualTo(201);
	}

	/** A chunk that is being stored is not missing. */
	@Test
	void manifestIsComparedOnceTheChunksInFlightAreStored() throws Exception {
		TestService service = start(BRIEF);
		try (CommitGate gate = new CommitGate(this.database, this.rows)) {
			service.postChunk(Chunks.ofPoints(this.dataId, "a", 0, 3));
			gate.shut();
			CompletableFuture<Answer> chunk = service.postChunkLater(Chunks.ofPoints(this.dataId, "a", 1, 4));
			gate.awaitCommit();
			CompletableFuture<Answer> end = service.postLater(finalizePath(), """
					{"channels": {"a": {"chunks": 2, "total_points": 7}}}""");
			awaitFinalizing(service);
			Thread.sleep(500);

			gate.open();

			assertThat(end.join().status()).as(end.join().body()).isEqualTo(200);
			assertThat(chunk.join().status()).isEqualTo(201);
		}
	}

	@Test
	void brokenManifestIsRefused() throws Exception {
		TestService service = start(BRIEF);
		service.postChunk(chunk(0));

		List<Answer> answers = BROKEN_MANIFESTS.stream().map((manifest) -> finish(service, manifest)).toList();

		assertThat(answers).extracting(Answer::status).containsOnly(400);
		assertThat(isFinalized()).isFalse();
	}

	@ParameterizedTest
	@ValueSource(strings = { "/metrology", "/tool-state" })
	void finalizingTwiceGivesTheSameAnswer(String prefix) throws Exception {
		TestService service = start(BRIEF);
		JsonNode ids = service.post(prefix + "/stream/initialize", "{\"points_per_chunk\": 3}").json();
		String path = prefix + "/stream/" + ids.required("data_id").stringValue() + "/finalize";

		List<Answer> answers = List.of(service.post(path), service.post(path, "{}"), service.post(path, ""),
				service.post(path + "/"));

		assertThat(answers).extracting(Answer::status).containsOnly(200);
		assertThat(answers).extracting(Answer::json).containsOnly(ids);
	}

	@Test
	void streamThatWasNeverMadeIsUnknown() throws Exception {
		Answer refused = finish(start(ENDLESS));

		assertThat(refused.status()).isEqualTo(404);
		assertThat(refused.code()).isEqualTo("stream_unknown");
	}

	@Test
	void streamThatWasDeletedIsGone() throws Exception {
		TestService service = start(ENDLESS);
		service.postChunk(chunk(0));
		service.delete("/metrology/stream/" + this.dataId);

		Answer refused = finish(service);

		assertThat(refused.status()).isEqualTo(410);
		assertThat(refused.code()).isEqualTo("stream_deleted");
	}

	@Test
	void streamThatIsDeletedWhileItDrainsIsGone() throws Exception {
		TestService service = start(ENDLESS, "metrology.finalize.max-wait=1h");
		service.postChunk(chunk(0));
		CompletableFuture<Answer> end = finishLater(service);
		awaitFinalizing(service);

		service.delete("/metrology/stream/" + this.dataId);

		assertThat(end.join().status()).isEqualTo(410);
	}

	/** The longest wait seals, as its client will not wait on. */
	@Test
	void streamThatNeverFallsSilentIsSealedWhenTheWaitIsOver() throws Exception {
		TestService service = start(ENDLESS, "metrology.finalize.max-wait=500ms");
		service.postChunk(chunk(0));

		Answer end = finish(service);

		assertThat(end.status()).as(end.body()).isEqualTo(200);
		assertThat(isFinalized()).isTrue();
	}

	/**
	 * How many tries of a push break. Both do of the last ones, so that nothing at all
	 * arrives for a while before they do.
	 */
	private static int cuts(int number) {
		if (number >= PUSHES - 20) {
			return 2;
		}
		return (number % 5 == 3) ? 1 : 0;
	}

	private TestService start(String... properties) {
		TestService service = TestService.start(this.database, properties);
		this.services.add(service);
		return service;
	}

	/**
	 * The end may overtake the very first chunk, too, so that the stream must be known.
	 */
	private UUID initialize() {
		Answer made = this.services.get(0).post("/metrology/stream/initialize", "{\"points_per_chunk\": 3}");
		return UUID.fromString(made.json().required("data_id").stringValue());
	}

	/** Each chunk has three points. */
	private String chunk(int number) {
		return Chunks.ofPoints(this.dataId, "channel " + number % CHANNELS, number / CHANNELS, 3);
	}

	private String finalizePath() {
		return "/metrology/stream/" + this.dataId + "/finalize";
	}

	private Answer finish(TestService service) {
		return service.post(finalizePath());
	}

	private Answer finish(TestService service, String manifest) {
		return service.post(finalizePath(), manifest);
	}

	private CompletableFuture<Answer> finishLater(TestService service) {
		return service.postLater(finalizePath(), "");
	}

	private void assertStored(int chunks) throws SQLException {
		assertThat(this.rows
			.text("SELECT count(*) || ' ' || sum(point_count) FROM chunk WHERE data_id = '" + this.dataId + "'"))
			.isEqualTo(chunks + " " + 3 * chunks);
		assertThat(this.rows.text("SELECT sum(total_points) FROM channel WHERE data_id = '" + this.dataId + "'"))
			.isEqualTo(String.valueOf(3 * chunks));
	}

	private boolean isFinalized() throws SQLException {
		return this.rows.text("SELECT finalized_at IS NOT NULL FROM stream WHERE data_id = '" + this.dataId + "'")
			.startsWith("t");
	}

	private static void awaitInFlight(TestService service, int requests) {
		MeterRegistry registry = service.context().getBean(MeterRegistry.class);
		Awaitility.await()
			.atMost(Duration.ofMinutes(1))
			.until(() -> registry.get("metrology.ingest.requests.in.flight").gauge().value() == requests);
	}

	/** Waits until a request that is no chunk has begun. */
	private static void awaitFinalizing(TestService service) {
		MeterRegistry registry = service.context().getBean(MeterRegistry.class);
		Awaitility.await()
			.atMost(Duration.ofMinutes(1))
			.until(() -> registry.find("http.server.requests.active")
				.longTaskTimers()
				.stream()
				.mapToInt(LongTaskTimer::activeTasks)
				.sum() > registry.get("metrology.ingest.requests.in.flight").gauge().value());
	}

	private static String statusLine(Socket socket) throws IOException {
		byte[] start = socket.getInputStream().readNBytes(20);
		return new String(start, StandardCharsets.US_ASCII);
	}

}
