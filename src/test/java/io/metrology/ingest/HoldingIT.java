package io.metrology.ingest;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.DatabaseProxy;
import io.metrology.StoredChannel;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The database goes away and comes back. Whatever the service acknowledges is stored
 * once, and what it refuses it describes truthfully.
 */
class HoldingIT {

	private static final String CHANNEL = "thickness";

	/** Far longer than any of these tests keeps the database away. */
	private static final String LONG_HOLD = "metrology.ingest.hold=120s";

	private static final String SHORT_HOLD = "metrology.ingest.hold=1s";

	private final UUID dataId = UUID.randomUUID();

	private StoredRows rows;

	private CommitGate gate;

	private DatabaseProxy proxy;

	private TestService service;

	@BeforeEach
	void createDatabase() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		this.rows = new StoredRows(database);
		this.proxy = new DatabaseProxy(database);
		TestService.start(database).close();
		this.gate = new CommitGate(database, this.rows);
	}

	@AfterEach
	void stop() throws Exception {
		this.gate.close();
		if (this.service != null) {
			this.service.close();
		}
		this.proxy.close();
		this.rows.close();
	}

	@Test
	void chunksSentWhileTheDatabaseIsAwayAreStoredWhenItReturns() throws Exception {
		start(LONG_HOLD);
		this.proxy.cut();
		List<CompletableFuture<Answer>> answers = IntStream.range(0, 24)
			.mapToObj((index) -> this.service.postChunkLater(chunk(index)))
			.toList();
		await(() -> inFlight() == 24);
		assertThat(answers).noneMatch(CompletableFuture::isDone);

		this.proxy.restore();

		assertThat(answers).map(CompletableFuture::join).extracting(Answer::status).containsOnly(201);
		assertThat(stored().chunkCount()).isEqualTo(24);
		assertThat(stored().totalPoints()).isEqualTo(72);
	}

	/** There is memory for one of them at a time, and for as long as one is held. */
	@Test
	void longChunksWaitForRoomWhileOneIsHeld() throws Exception {
		start(LONG_HOLD, "metrology.http.max-body-memory=1MB");
		this.proxy.cut();
		CompletableFuture<Answer> held = this.service.postChunkLater(longChunk(0));
		await(() -> this.service.get("/actuator/prometheus")
			.body()
			.contains("hikaricp_connections_pending{pool=\"metrology-write\"} 1.0"));
		List<CompletableFuture<Answer>> waiting = IntStream.range(1, 4)
			.mapToObj((index) -> this.service.postChunkLater(longChunk(index)))
			.toList();
		// Longer than they would wait otherwise.
		Thread.sleep(3000);
		assertThat(waiting).noneMatch(CompletableFuture::isDone);

		this.proxy.restore();

		assertThat(held.join().status()).isEqualTo(201);
		assertThat(waiting).map(CompletableFuture::join).extracting(Answer::status).containsOnly(201);
	}

	@Test
	void streamMadeWhileTheDatabaseIsAwayIsThereWhenItReturns() throws Exception {
		start(LONG_HOLD);
		this.proxy.cut();
		CompletableFuture<Answer> made = this.service.postLater("/metrology/stream/initialize",
				"{\"points_per_chunk\": 100}");
		// One more thread answers with the metrics.
		await(() -> inFlight("metrology_http_threads_busy_threads ") == 2);

		this.proxy.restore();

		assertThat(made.join().status()).as(made.join().body()).isEqualTo(201);
		String dataId = made.join().json().required("data_id").asString();
		assertThat(this.service.get("/metrology/stream/" + dataId).status()).isEqualTo(200);
		assertThat(this.rows.texts("SELECT data_id::text FROM stream")).containsExactly(dataId);
	}

	@Test
	void chunkIsRefusedOnceTheHoldIsOver() throws Exception {
		start(SHORT_HOLD);
		this.proxy.cut();

		Answer answer = this.service.postChunk(chunk(0));

		assertUnavailable(answer);
		assertThat(answer.json().required("stored").asBoolean()).isFalse();
		assertThat(this.service.get("/actuator/health/liveness").status()).isEqualTo(200);
		assertThat(this.service.get("/actuator/prometheus").body())
			.contains("metrology_http_problems_total{code=\"database_unavailable\"} 1.0");
		this.proxy.restore();
		assertThat(this.rows.channels(this.dataId)).isEmpty();
		await(() -> this.service.postChunk(chunk(0)).status() == 201);
	}

	@Test
	void readinessFollowsTheDatabase() throws Exception {
		start(SHORT_HOLD);
		assertThat(this.service.get("/actuator/health/readiness").body()).contains("\"UP\"");

		this.proxy.cut();

		await(() -> this.service.get("/actuator/health/readiness").status() == 503);
		assertThat(this.service.get("/actuator/health/readiness").body()).contains("\"DOWN\"");
		assertThat(this.service.get("/actuator/health/liveness").body()).contains("\"UP\"");
		assertThat(this.service.get("/actuator/prometheus").status()).isEqualTo(200);

		this.proxy.restore();

		await(() -> this.service.get("/actuator/health/readiness").status() == 200);
	}

	@Test
	void lostCommitThatWentThroughIsSaidToBeUnknownAndFoundUnchanged() throws Exception {
		start(SHORT_HOLD);
		CompletableFuture<Answer> answer = loseConnectionInCommit();

		assertUnavailable(answer.join());
		assertThat(answer.join().json().required("stored").isNull()).as(answer.join().body()).isTrue();

		this.gate.open();
		this.gate.awaitNoCommit();
		this.proxy.restore();
		assertThat(postUntilStored().outcome()).isEqualTo("unchanged");
		assertStoredOnce();
	}

	@Test
	void lostCommitThatWasRolledBackIsSaidToBeUnknownAndCreatedLater() throws Exception {
		start(SHORT_HOLD);
		CompletableFuture<Answer> answer = loseConnectionInCommit();

		assertUnavailable(answer.join());
		assertThat(answer.join().json().required("stored").isNull()).as(answer.join().body()).isTrue();

		this.gate.terminateCommit();
		this.gate.open();
		this.proxy.restore();
		assertThat(postUntilStored().outcome()).isEqualTo("created");
		assertStoredOnce();
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void heldChunkWhoseLostCommitWentThroughIsUnchanged(CapturedOutput output) throws Exception {
		start(LONG_HOLD);
		CompletableFuture<Answer> answer = loseConnectionInCommit();

		this.gate.open();
		this.proxy.restore();

		assertThat(answer.join().status()).isEqualTo(201);
		assertThat(answer.join().outcome()).isEqualTo("unchanged");
		assertThat(answer.join().totalPoints()).isEqualTo(3);
		assertStoredOnce();
		assertThat(output).containsOnlyOnce("In doubt whether chunk (").contains(this.dataId + "", "sent with no key");
	}

	/**
	 * The new attempt meets the row locks of the old one, whose server process lives on.
	 */
	@Test
	void heldChunkWaitsForItsLostCommitThatIsStillUnderWay() throws Exception {
		start(LONG_HOLD);
		CompletableFuture<Answer> answer = loseConnectionInCommit();
		this.proxy.restore();
		await(() -> !this.rows.texts("""
				SELECT pid
				  FROM pg_stat_activity
				 WHERE datname = current_database()
				   AND wait_event_type = 'Lock'
				   AND wait_event <> 'advisory'
				""").isEmpty());

		this.gate.open();

		assertThat(answer.join().outcome()).isEqualTo("unchanged");
		assertStoredOnce();
	}

	@Test
	void heldChunkWhoseCommitWasRolledBackIsCreated() throws Exception {
		start(LONG_HOLD);
		CompletableFuture<Answer> answer = loseConnectionInCommit();

		this.gate.terminateCommit();
		this.gate.open();
		this.proxy.restore();

		assertThat(answer.join().status()).isEqualTo(201);
		assertThat(answer.join().outcome()).isEqualTo("created");
		assertStoredOnce();
	}

	@Test
	void commitThatTheServerEndsIsTriedAgain() throws Exception {
		start(LONG_HOLD);
		this.gate.shut();
		CompletableFuture<Answer> answer = this.service.postChunkLater(chunk(0));
		this.gate.awaitCommit();

		this.gate.terminateCommit();
		this.gate.open();

		assertThat(answer.join().outcome()).isEqualTo("created");
		assertStoredOnce();
	}

	@Test
	void nothingIsLostOrDoubledWhileConnectionsBreak() throws Exception {
		start(LONG_HOLD);
		int chunks = 600;
		AtomicInteger next = new AtomicInteger();
		AtomicInteger acknowledged = new AtomicInteger();
		ExecutorService threads = Executors.newFixedThreadPool(8);
		List<Future<List<Answer>>> answers = new ArrayList<>();
		for (int i = 0; i < 8; i++) {
			answers.add(threads.submit(() -> postAll(next, chunks, acknowledged)));
		}
		threads.shutdown();

		for (int goal = 10; goal < chunks; goal += 10) {
			int reached = goal;
			await(() -> acknowledged.get() >= reached);
			this.proxy.drop();
		}

		assertThat(threads.awaitTermination(5, TimeUnit.MINUTES)).isTrue();
		for (Future<List<Answer>> thread : answers) {
			assertThat(thread.get()).filteredOn((answer) -> answer.status() != 201).isEmpty();
		}
		assertThat(stored().chunks()).hasSize(chunks);
		assertThat(stored().totalPoints()).isEqualTo(stored().sumOfPoints()).isEqualTo(chunks * 3);
	}

	private List<Answer> postAll(AtomicInteger next, int chunks, AtomicInteger acknowledged) {
		List<Answer> answers = new ArrayList<>();
		for (int index = next.getAndIncrement(); index < chunks; index = next.getAndIncrement()) {
			answers.add(this.service.postChunk(chunk(index)));
			acknowledged.incrementAndGet();
		}
		return answers;
	}

	private void start(String... settings) {
		List<String> all = new ArrayList<>(List.of("metrology.http.max-wait=120s",
				"spring.datasource.hikari.connection-timeout=1000", "spring.datasource.hikari.validation-timeout=500"));
		all.addAll(List.of(settings));
		this.service = TestService.start(this.proxy.database(), all.toArray(new String[0]));
	}

	/** Posts chunk 0, and cuts the connection while the server is in its COMMIT. */
	private CompletableFuture<Answer> loseConnectionInCommit() throws Exception {
		this.gate.shut();
		CompletableFuture<Answer> answer = this.service.postChunkLater(chunk(0));
		this.gate.awaitCommit();
		this.proxy.cut();
		return answer;
	}

	private String chunk(int index) {
		return Chunks.ofPoints(this.dataId, CHANNEL, index, 3);
	}

	/** The pool may need longer than the short hold to find the database again. */
	private Answer postUntilStored() {
		return Awaitility.await()
			.atMost(Duration.ofMinutes(1))
			.until(() -> this.service.postChunk(chunk(0)), (answer) -> answer.status() == 201);
	}

	private String longChunk(int index) {
		return Chunks.ofPoints(this.dataId, CHANNEL, index, 10_000);
	}

	private double inFlight() {
		return inFlight("metrology_ingest_requests_in_flight ");
	}

	private double inFlight(String gauge) {
		return this.service.get("/actuator/prometheus")
			.body()
			.lines()
			.filter((line) -> line.startsWith(gauge))
			.mapToDouble((line) -> Double.parseDouble(line.substring(gauge.length())))
			.sum();
	}

	private StoredChannel stored() throws Exception {
		return this.rows.channels(this.dataId).get(CHANNEL);
	}

	private void assertStoredOnce() throws Exception {
		assertThat(stored().chunks()).containsOnlyKeys(0);
		assertThat(stored().totalPoints()).isEqualTo(3);
		assertThat(stored().chunkCount()).isEqualTo(1);
		assertThat(stored().revision()).isEqualTo(1);
	}

	private static void assertUnavailable(Answer answer) {
		assertThat(answer.status()).as(answer.body()).isEqualTo(503);
		assertThat(answer.code()).isEqualTo("database_unavailable");
		assertThat(answer.retryAfter()).matches("[1-9][0-9]*");
		assertThat(answer.json().required("retryable").asBoolean()).isTrue();
	}

	private static void await(Callable<Boolean> condition) {
		Awaitility.await().atMost(Duration.ofMinutes(1)).until(condition);
	}

}
