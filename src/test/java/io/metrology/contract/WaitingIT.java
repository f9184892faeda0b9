package io.metrology.contract;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.database.FreePort;
import io.metrology.http.ErrorCode;
import io.metrology.ingest.CommitGate;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * More arrives than the service can process at once. Requests wait for a thread, for
 * memory and for their body. The service has two threads, so a waiting request that kept
 * a thread would stop all others.
 */
class WaitingIT {

	private static final int THREADS = 2;

	private static final int MAX_CONNECTIONS = 200;

	private static final String KEY = "a-bootstrap-key-of-the-tests";

	private static int operatorPort;

	private static RunningService service;

	private static StoredRows rows;

	private static CommitGate gate;

	private final List<RawConnection> connections = new ArrayList<>();

	@BeforeAll
	static void startWithTwoThreads() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		operatorPort = FreePort.find();
		service = RunningService.startOn(database, "server.tomcat.threads.max=" + THREADS,
				"server.tomcat.threads.min-spare=1", "server.tomcat.max-connections=" + MAX_CONNECTIONS,
				"metrology.http.max-wait=3s", "metrology.http.max-body-memory=1MB",
				"metrology.http.operator-port=" + operatorPort, "metrology.access.bootstrap-key=" + KEY,
				"metrology.finalize.quiet-period=100ms", "metrology.finalize.max-wait=1s");
		rows = new StoredRows(database);
		gate = new CommitGate(database, rows);
	}

	@AfterAll
	static void stop() throws SQLException {
		gate.close();
		rows.close();
		service.close();
	}

	@BeforeEach
	void nothingWaits() {
		await("metrology_http_waiting_requests", 0);
	}

	@AfterEach
	void leave() throws IOException, SQLException {
		gate.open();
		for (RawConnection connection : this.connections) {
			connection.close();
		}
		await("metrology_http_async_requests", 0);
		await("metrology_http_body_memory_bytes", 0);
		await("metrology_http_waiting_requests", 0);
	}

	@Test
	void requestWithoutAThreadWaitsAndIsStored() throws Exception {
		occupyThreads();
		RawConnection waiting = connect().write(chunk());
		await("metrology_http_waiting_requests", 1);
		assertThat(sample("metrology_http_threads_fill_ratio")).isEqualTo(1);

		gate.open();

		assertThat(waiting.read().status()).isEqualTo(201);
	}

	@Test
	void requestThatWaitsUntilItsDeadlineIsRefused() throws Exception {
		List<RawConnection> busy = occupyThreads();
		RawConnection waiting = connect().write(chunk());

		Answer answer = waiting.read();

		answer.assertNotStored(ErrorCode.OVERLOADED);
		assertThat(answer.detail()).contains("metrology.http.max-wait");
		assertThat(answer.header("Retry-After")).isNotNull();
		gate.open();
		for (RawConnection connection : busy) {
			// The first was being committed at its deadline, the second was pending.
			assertThat(connection.read().status()).isEqualTo(503);
		}
	}

	@Test
	void chunkThatIsBeingCommittedAtItsDeadlineMayBeStored() throws Exception {
		gate.shut();
		String json = new ChunkJson().toString();
		RawConnection committing = connect().write(post("/metrology/stream/chunk", json));
		gate.awaitCommit();

		Answer answer = committing.read();

		assertThat(answer.status()).isEqualTo(503);
		assertThat(answer.text()).contains("\"stored\":null");
		gate.open();
		Awaitility.await()
			.until(() -> connect().write(post("/metrology/stream/chunk", json)).read().header("Chunk-Outcome"),
					"unchanged"::equals);
	}

	@Test
	void requestsThatNoClientRepeatsAreProcessedAfterAnyWait() throws Exception {
		UUID stream = UUID.randomUUID();
		assertThat(connect()
			.write(post("/metrology/stream/chunk", new ChunkJson().withString("data_id", stream.toString()).toString()))
			.read()
			.status()).isEqualTo(201);
		occupyThreads();
		List<RawConnection> waiting = new ArrayList<>();
		waiting.add(connect().write(post("/metrology/stream/initialize", "{\"points_per_chunk\": 10}")));
		waiting.add(connect().write(get("/metrology/stream/" + stream)));
		waiting.add(connect().write(post("/tool-state/stream/" + stream + "/finalize/", "")));
		// Longer than the deadline.
		Thread.sleep(3500);

		gate.open();

		assertThat(waiting).extracting((connection) -> read(connection).status()).containsExactly(201, 200, 200);
	}

	@Test
	void operatorPortAnswersWhileAllThreadsAreBusy() throws Exception {
		occupyThreads();
		connect().write(chunk());

		assertThat(operatorGet("/actuator/health/liveness").status()).isEqualTo(200);
		assertThat(operatorGet("/actuator/health/readiness").status()).isEqualTo(200);
		assertThat(operatorGet("/actuator/prometheus").status()).isEqualTo(200);
		operatorGet("/metrology/streams").assertProblem(ErrorCode.NOT_FOUND);
	}

	@Test
	void operatorPortAsksForTheKeyOfMetrics() throws Exception {
		try (RawConnection connection = RawConnection.to(operatorPort)) {
			connection.write("GET /actuator/prometheus HTTP/1.1\r\nHost: localhost\r\n\r\n")
				.read()
				.assertProblem(ErrorCode.API_KEY_MISSING);
		}
	}

	@Test
	void clientsThatStallInsideTheirBodiesTakeNoThread() throws Exception {
		List<RawConnection> stalled = new ArrayList<>();
		for (int i = 0; i < 50; i++) {
			stalled.add(connect().write(head(1000) + "{\"data_id\":"));
		}
		await("metrology_http_async_requests", 50);

		assertThat(connect().write(chunk()).read().status()).isEqualTo(201);

		String json = new ChunkJson().paddedTo(1000);
		assertThat(stalled.get(0).write(json.substring("{\"data_id\":".length())).read().status()).isEqualTo(201);
	}

	@Test
	void bodyThatArrivesInPiecesIsStored() throws Exception {
		String json = new ChunkJson().toString();
		RawConnection slow = connect().write(head(json.length()));
		for (int i = 0; i < json.length(); i += 20) {
			slow.write(json.substring(i, Math.min(json.length(), i + 20)));
			Thread.sleep(5);
		}
		assertThat(slow.read().status()).isEqualTo(201);
	}

	@Test
	void bodyInChunksIsStored() throws Exception {
		String json = new ChunkJson().toString();
		RawConnection slow = connect().write(chunkedHead());
		for (int i = 0; i < json.length(); i += 20) {
			String piece = json.substring(i, Math.min(json.length(), i + 20));
			slow.write(Integer.toHexString(piece.length()) + "\r\n" + piece + "\r\n");
		}
		assertThat(slow.write("0\r\n\r\n").read().status()).isEqualTo(201);
	}

	@Test
	void longBodyWaitsForMemoryAndShortOnesPassIt() throws Exception {
		RawConnection slow = connect().write(head(300_000));
		await("metrology_http_body_memory_bytes", 900_096);
		RawConnection waiting = connect().write(chunk(300_000));
		await("metrology_http_async_requests", 2);

		assertThat(connect().write(chunk()).read().status()).isEqualTo(201);

		slow.reset();
		assertThat(waiting.read().status()).isEqualTo(201);
	}

	@Test
	void longBodyThatFindsNoMemoryUntilItsDeadlineIsRefused() throws Exception {
		connect().write(head(300_000));
		await("metrology_http_body_memory_bytes", 900_096);

		Answer answer = connect().write(chunk(300_000)).read();

		answer.assertNotStored(ErrorCode.OVERLOADED);
		assertThat(answer.detail()).contains("max-body-memory");
	}

	@Test
	void clientThatLeavesWhileItWaitsForMemoryKeepsNone() throws Exception {
		RawConnection first = connect().write(head(300_000));
		await("metrology_http_body_memory_bytes", 900_096);
		RawConnection second = connect().write(chunk(300_000));
		await("metrology_http_async_requests", 2);
		second.reset();
		first.reset();

		assertThat(connect().write(chunk(300_000)).read().status()).isEqualTo(201);
	}

	/** Names and objects take many times their length. */
	@Test
	void memoryIsCountedByTheContentOfABody() throws Exception {
		connect().write(head(200_000));
		await("metrology_http_body_memory_bytes", 600_064);
		assertThat(connect().write(chunk(70_000)).read().status()).isEqualTo(201);

		String names = IntStream.range(0, 6900)
			.mapToObj((name) -> "\"x" + name + "\":0,")
			.collect(Collectors.joining("", "{", "\"x\":0}"));
		assertThat(names.length()).isBetween(65_536, 70_000);
		Answer answer = connect().write(head(names.length()) + names).read();

		answer.assertNotStored(ErrorCode.OVERLOADED);
		assertThat(answer.detail()).contains("max-body-memory");
	}

	@Test
	void bodyOfUnknownLengthThatFindsNoMemoryIsRefused() throws Exception {
		connect().write(head(300_000));
		await("metrology_http_body_memory_bytes", 900_096);

		String json = new ChunkJson().paddedTo(300_000);
		RawConnection growing = connect().write(chunkedHead());
		growing.write(Integer.toHexString(json.length()) + "\r\n" + json + "\r\n0\r\n\r\n");

		growing.read().assertNotStored(ErrorCode.OVERLOADED);
	}

	@Test
	void bodyLargerThanAllMemoryIsTakenAlone() throws Exception {
		assertThat(connect().write(chunk(5_000_000)).read().status()).isEqualTo(201);
	}

	@Test
	void bodyInChunksThatIsTooLongIsRefused() throws Exception {
		RawConnection connection = connect().write(chunkedHead());
		String piece = "a00000\r\n" + "x".repeat(0xa00000) + "\r\n";
		for (int i = 0; i < 4; i++) {
			connection.write(piece);
		}
		connection.write("0\r\n\r\n").read().assertNotStored(ErrorCode.BODY_TOO_LARGE);
	}

	@Test
	void withoutAKeyNothingIsStoredAfterAnyWait() throws Exception {
		DatabaseImage before = service.stored();
		String json = new ChunkJson().toString();
		RawConnection stranger = RawConnection.to(service);
		this.connections.add(stranger);
		stranger.write("POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\n"
				+ "Content-Type: application/json\r\nContent-Length: " + json.length() + "\r\n\r\n");
		Thread.sleep(100);

		stranger.write(json).read().assertProblem(ErrorCode.API_KEY_MISSING);

		assertThat(service.stored()).isEqualTo(before);
	}

	/** An idle client would otherwise keep others out. */
	@Test
	void answersCloseTheirConnectionsIfMoreThanHalfAreOpen() throws Exception {
		String request = get("/metrology/streams?limit=1");
		for (int i = 0; i < MAX_CONNECTIONS / 2; i++) {
			assertThat(connect().write(request).read().status()).isEqualTo(200);
		}
		RawConnection crowding = connect();
		assertThat(crowding.write(request).read().header("Connection")).isEqualTo("close");
		assertThat(crowding.isAtEnd()).isTrue();
	}

	@Test
	void refusalsByTheThousandAreOneLogLineASecond() throws Exception {
		connect().write(head(300_000));
		await("metrology_http_body_memory_bytes", 900_096);
		String json = new ChunkJson().paddedTo(300_000);
		try (ServiceLog log = ServiceLog.open()) {
			for (int i = 0; i < 20; i++) {
				RawConnection growing = connect().write(chunkedHead());
				growing.write(Integer.toHexString(json.length()) + "\r\n" + json + "\r\n0\r\n\r\n");
				growing.read().assertNotStored(ErrorCode.OVERLOADED);
			}
			assertThat(log.lines().size()).isBetween(1, 19);
		}
	}

	/** Fills all threads with chunks, of which one stands in its COMMIT. */
	private List<RawConnection> occupyThreads() throws Exception {
		gate.shut();
		List<RawConnection> busy = new ArrayList<>();
		busy.add(connect().write(chunk()));
		gate.awaitCommit();
		for (int i = 1; i < THREADS; i++) {
			busy.add(connect().write(chunk()));
		}
		await("metrology_http_threads_busy_threads", THREADS);
		return busy;
	}

	private RawConnection connect() throws IOException {
		RawConnection connection = RawConnection.to(service);
		this.connections.add(connection);
		return connection;
	}

	private static String chunk() {
		return post("/metrology/stream/chunk", new ChunkJson().toString());
	}

	private static String chunk(int length) {
		return head(length) + new String(new ChunkJson().paddedTo(length).getBytes(StandardCharsets.UTF_8),
				StandardCharsets.ISO_8859_1);
	}

	private static String post(String path, String json) {
		return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: " + KEY
				+ "\r\nContent-Type: application/json\r\nContent-Length: " + json.length() + "\r\n\r\n" + json;
	}

	private static String get(String path) {
		return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: " + KEY + "\r\n\r\n";
	}

	private static String head(int length) {
		return "POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: " + KEY
				+ "\r\nContent-Type: application/json\r\nContent-Length: " + length + "\r\n\r\n";
	}

	private static String chunkedHead() {
		return "POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: " + KEY
				+ "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
	}

	private static Answer operatorGet(String path) throws IOException {
		try (RawConnection connection = RawConnection.to(operatorPort)) {
			return connection.write(get(path)).read();
		}
	}

	private static Answer read(RawConnection connection) {
		try {
			return connection.read();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static void await(String metric, double value) {
		Awaitility.await(metric).atMost(Duration.ofSeconds(30)).until(() -> sample(metric), (seen) -> seen == value);
	}

	private static double sample(String metric) throws IOException {
		return operatorGet("/actuator/prometheus").text()
			.lines()
			.filter((line) -> line.startsWith(metric + " "))
			.mapToDouble((line) -> Double.parseDouble(line.substring(metric.length() + 1)))
			.sum();
	}

}
