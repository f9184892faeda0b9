package io.metrology.contract;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import io.metrology.http.ErrorCode;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * More comes than the service takes on: what it has room for is stored, the rest is
 * refused and says so, and health and metrics are answered throughout.
 */
class AdmissionIT {

	private static final int REQUESTS = 4;

	/** Short enough not to be counted, with its head. */
	private static final String SMALL_HEAD = head(1000);

	private static RunningService service;

	private final List<RawConnection> connections = new ArrayList<>();

	@BeforeAll
	static void startWithLittleRoom() {
		service = RunningService.start("metrology.http.admission.max-requests=" + REQUESTS,
				"metrology.http.admission.max-waiting=2", "metrology.http.admission.max-wait=2s",
				"metrology.http.admission.max-refused-bodies=1", "metrology.http.admission.max-body-memory=1MB",
				"server.tomcat.threads.max=10");
	}

	@AfterAll
	static void stop() {
		service.close();
	}

	@AfterEach
	void leave() throws IOException {
		for (RawConnection connection : this.connections) {
			connection.close();
		}
		await("metrology_http_admitted_requests", 0);
		await("metrology_http_body_memory_bytes", 0);
	}

	@Test
	void requestBeyondTheBoundWaitsThenIsRefused() throws IOException {
		fillPlaces();

		RawConnection refused = connect().write(chunk());
		Answer answer = refused.read();

		answer.assertNotStored(ErrorCode.OVERLOADED);
		assertThat(answer.detail()).contains("4 requests").contains("max-requests");
		assertThat(answer.header("Retry-After")).isEqualTo("1");
		assertThat(answer.header("Connection")).isEqualTo("close");
		freePlaces();
		assertThat(connect().write(chunk()).read().status()).isEqualTo(201);
	}

	@Test
	void requestThatWaitsIsAdmittedWhenAnotherEnds() throws IOException {
		fillPlaces();
		RawConnection waiting = connect().write(chunk());
		await("metrology_http_waiting_requests", 1);

		freePlaces();

		assertThat(waiting.read().status()).isEqualTo(201);
	}

	@Test
	void healthAndMetricsAnswerWhileAllPlacesAreTakenAndTheRestWaits() throws IOException {
		fillPlaces();
		List<RawConnection> rest = new ArrayList<>();
		for (int i = 0; i < 2; i++) {
			rest.add(connect().write(chunk()));
		}
		await("metrology_http_waiting_requests", 2);

		assertThat(service.client().get("/actuator/health/liveness").status()).isEqualTo(200);
		assertThat(service.client().get("/actuator/health/readiness").status()).isEqualTo(200);
		assertThat(sample("metrology_http_admitted_fill_ratio")).isEqualTo(1);

		for (RawConnection waiting : rest) {
			waiting.read().assertNotStored(ErrorCode.OVERLOADED);
		}
	}

	@Test
	void longBodyWaitsForMemoryAndShortOnesPassIt() throws IOException {
		RawConnection slow = connect().write(head(300_000));
		await("metrology_http_body_memory_bytes", 900_096);
		RawConnection waiting = connect().write(chunk(300_000));
		await("metrology_http_admitted_requests", 2);

		assertThat(connect().write(chunk()).read().status()).isEqualTo(201);

		slow.reset();
		assertThat(waiting.read().status()).isEqualTo(201);
	}

	@Test
	void longBodyWithoutMemoryIsRefused() throws IOException {
		connect().write(head(300_000));
		await("metrology_http_body_memory_bytes", 900_096);

		Answer answer = connect().write(chunk(300_000)).read();

		answer.assertNotStored(ErrorCode.OVERLOADED);
		assertThat(answer.detail()).contains("max-body-memory");
	}

	/** Names and objects take many times what they are long. */
	@Test
	void memoryIsCountedByWhatABodyHolds() throws IOException {
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
	void bodyOfUnknownLengthThatFindsNoMemoryIsRefused() throws IOException {
		connect().write(head(300_000));
		await("metrology_http_body_memory_bytes", 900_096);

		String json = new ChunkJson().paddedTo(300_000);
		RawConnection growing = connect().write("POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\n"
				+ "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
		growing.write(Integer.toHexString(json.length()) + "\r\n" + json + "\r\n0\r\n\r\n");

		growing.read().assertNotStored(ErrorCode.OVERLOADED);
	}

	@Test
	void bodyLargerThanAllMemoryIsTakenAlone() throws IOException {
		assertThat(connect().write(chunk(5_000_000)).read().status()).isEqualTo(201);
	}

	@Test
	void startThatWouldLeaveNoThreadForHealthEnds() {
		assertThatThrownBy(() -> RunningService.start("server.tomcat.threads.max=240").close())
			.hasStackTraceContaining("server.tomcat.threads.max")
			.hasStackTraceContaining("max-requests");
	}

	@Test
	void floodOfRefusalsIsALineASecond() throws IOException {
		fillPlaces();
		try (ServiceLog log = ServiceLog.open()) {
			long begun = System.nanoTime();
			while (log.lines().size() < 3) {
				List<RawConnection> refused = new ArrayList<>();
				for (int i = 0; i < 5; i++) {
					refused.add(connect().write(chunk()));
				}
				refused.get(4).read().assertNotStored(ErrorCode.OVERLOADED);
			}
			assertThat(Duration.ofNanos(System.nanoTime() - begun)).isGreaterThan(Duration.ofSeconds(1));
			assertThat(log.lines()).last().asString().contains("more since the last such line");
		}
	}

	/** Takes all places by requests whose bodies do not come. */
	private void fillPlaces() throws IOException {
		for (int i = 0; i < REQUESTS; i++) {
			connect().write(SMALL_HEAD);
		}
		await("metrology_http_admitted_requests", REQUESTS);
	}

	private void freePlaces() throws IOException {
		for (RawConnection connection : this.connections.subList(0, REQUESTS)) {
			connection.reset();
		}
	}

	private RawConnection connect() throws IOException {
		RawConnection connection = RawConnection.to(service);
		this.connections.add(connection);
		return connection;
	}

	private static String chunk() {
		String json = new ChunkJson().toString();
		return head(json.length()) + json;
	}

	private static String chunk(int length) {
		return head(length) + new String(new ChunkJson().paddedTo(length).getBytes(StandardCharsets.UTF_8),
				StandardCharsets.ISO_8859_1);
	}

	private static String head(int length) {
		return "POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
				+ length + "\r\n\r\n";
	}

	private static void await(String metric, double value) {
		Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> sample(metric) == value);
	}

	private static double sample(String metric) {
		return service.client()
			.get("/actuator/prometheus")
			.text()
			.lines()
			.filter((line) -> line.startsWith(metric + " "))
			.mapToDouble((line) -> Double.parseDouble(line.substring(metric.length() + 1)))
			.sum();
	}

}
