package io.metrology.contract;

import java.io.IOException;
import java.net.SocketException;
import java.time.Duration;

import ch.qos.logback.classic.Level;
import io.metrology.http.ErrorCode;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Clients that are slow, stall or leave. The service has two threads. If such clients
 * kept them, the next request would get no answer.
 */
class SlowBodyIT {

	private static final String HEAD = "POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\n"
			+ "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n";

	private static RunningService service;

	private final ServiceLog log = ServiceLog.open();

	private DatabaseImage before = service.stored();

	@BeforeAll
	static void startWithShortPatience() {
		service = RunningService.start("metrology.http.body-timeout=1s", "server.tomcat.connection-timeout=2s",
				"metrology.http.max-refused-bodies=1", "server.tomcat.threads.max=2",
				"server.tomcat.threads.min-spare=1");
	}

	@AfterAll
	static void stop() {
		service.close();
	}

	@BeforeEach
	void rememberWhatIsStored() {
		this.before = service.stored();
	}

	@AfterEach
	void threadIsFreeAndNothingIsStoredOrLogged() {
		assertThat(service.client().get("/metrology/streams").status()).isEqualTo(200);
		assertThat(service.stored()).isEqualTo(this.before);
		this.log.close();
		assertThat(this.log.lines()).filteredOn((line) -> line.getLevel().isGreaterOrEqual(Level.WARN)).isEmpty();
	}

	@Test
	void drippingClientIsTimedOutAndItsThreadFreed() throws Exception {
		try (RawConnection connection = RawConnection.to(service)) {
			connection.write(HEAD);
			Thread dripping = drip(connection, "{");
			Answer answer = connection.read();
			answer.assertNotStored(ErrorCode.REQUEST_TIMEOUT);
			assertThat(answer.header("Connection")).isEqualTo("close");
			assertThat(service.client().get("/metrology/streams").status()).isEqualTo(200);
			dripping.join();
		}
	}

	/** Whether it was refused, or needs no body. */
	@ParameterizedTest
	@CsvSource({ "POST /nowhere, 404", "GET /metrology/streams, 200" })
	void clientThatDripsABodyThatNobodyReadsFreesItsThread(String target, int status) throws Exception {
		try (RawConnection connection = RawConnection.to(service)) {
			connection.write(target + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n");
			Thread dripping = drip(connection, "x");
			assertThat(connection.read().status()).isEqualTo(status);
			assertThat(service.client().get("/metrology/streams").status()).isEqualTo(200);
			assertSecondRefusalIsNotSeenOut();
			// Until the service closes the connection.
			dripping.join();
		}
	}

	@Test
	void clientThatWaitsToBeAskedForABodyThatNobodyReadsGetsItsAnswer() throws Exception {
		try (RawConnection connection = RawConnection.to(service)) {
			connection.write("GET /metrology/streams HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
					+ "Content-Length: 2\r\n\r\n{}");
			assertThat(connection.read().status()).isEqualTo(200);
		}
	}

	@Test
	void healthTakesNoBody() throws Exception {
		try (RawConnection connection = RawConnection.to(service)) {
			connection.write("GET /actuator/health HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
					+ "Transfer-Encoding: chunked\r\n\r\n");
			Thread dripping = drip(connection, "1\r\n{\r\n");
			Answer answer = connection.read();
			answer.assertProblem(ErrorCode.INVALID_REQUEST);
			assertThat(answer.detail()).contains("takes no body");
			dripping.join();
		}
	}

	@Test
	void endlessExtensionOfAChunkIsRefused() throws Exception {
		try (RawConnection connection = RawConnection.to(service)) {
			connection.write("POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\n"
					+ "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1;" + "x".repeat(100));
			connection.read().assertNotStored(ErrorCode.INVALID_REQUEST);
			assertThat(connection.isAtEnd()).isTrue();
		}
	}

	/** The one place is taken: a second client is answered and its connection closed. */
	private static void assertSecondRefusalIsNotSeenOut() throws IOException {
		try (RawConnection second = RawConnection.to(service)) {
			second.write("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nx");
			second.read().assertProblem(ErrorCode.NOT_FOUND);
			long begun = System.nanoTime();
			assertThat(second.isAtEnd()).isTrue();
			// Whoever is seen out is closed only after the body-timeout.
			assertThat(System.nanoTime() - begun).isLessThan(Duration.ofMillis(800).toNanos());
		}
	}

	@Test
	void stalledClientIsTimedOut() throws IOException {
		try (RawConnection connection = RawConnection.to(service)) {
			connection.write(HEAD + "{\"data_id\":");
			connection.read().assertNotStored(ErrorCode.REQUEST_TIMEOUT);
			assertThat(connection.isAtEnd()).isTrue();
		}
	}

	@Test
	void clientThatLeavesInTheMiddleIsNoErrorOfTheService() throws IOException {
		for (int i = 0; i < 5; i++) {
			try (RawConnection connection = RawConnection.to(service)) {
				connection.write(HEAD + "{\"data_id\":");
			}
			RawConnection resetting = RawConnection.to(service);
			resetting.write(HEAD + "{\"data_id\":").reset();
		}
	}

	@Test
	void clientThatLeavesBeforeALongAnswerIsNoErrorOfTheService() throws IOException {
		ChunkJson chunk = new ChunkJson().withPoints(100_000);
		assertThat(service.client().postChunk(chunk.toString()).status()).isEqualTo(201);
		this.before = service.stored();
		for (int i = 0; i < 3; i++) {
			RawConnection leaving = RawConnection.to(service);
			leaving.write("GET /metrology/" + chunk.dataId + "/timeseries HTTP/1.1\r\nHost: localhost\r\n\r\n").read(1);
			leaving.reset();
		}
	}

	/** Sends a byte at a time, until the service closes the connection. */
	private static Thread drip(RawConnection connection, String drop) {
		Thread thread = new Thread(() -> {
			try {
				while (true) {
					connection.write(drop);
					Thread.sleep(50);
				}
			}
			catch (SocketException ex) {
				// The service closed the connection.
			}
			catch (IOException | InterruptedException ex) {
				throw new IllegalStateException(ex);
			}
		});
		thread.start();
		return thread;
	}

}
