package io.metrology.http;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ConnectException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

import io.metrology.Chunks;
import io.metrology.TestPostgres;
import io.metrology.TestService;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** Which requests a stop still serves. */
class StopIT {

	private static final UUID STREAM = UUID.randomUUID();

	private static final String BODY = Chunks.ofTexts(STREAM, "thickness", 0, List.of("1"), List.of("2"), "nm");

	private final List<String> answer = new ArrayList<>();

	private TestService service;

	@AfterEach
	void stop() {
		this.service.close();
	}

	@Test
	void nextRequestOfAnOpenConnectionIsServedAndClosesIt() throws Exception {
		start("metrology.http.stop.max-idle-wait=1h");
		try (Socket connection = connect(); BufferedReader in = reader(connection)) {
			send(connection, BODY.length());
			write(connection, BODY);
			assertThat(readAnswer(in)).isEqualTo(201);
			CompletableFuture<Void> stop = beginStop();

			send(connection, BODY.length());
			write(connection, BODY);

			assertThat(readAnswer(in)).isEqualTo(201);
			assertThat(this.answer).contains("connection: close");
			assertThat(in.read()).isEqualTo(-1);
			stop.join();
		}
	}

	@Test
	void requestWhoseBodyArrivesDuringTheStopIsServed() throws Exception {
		start("metrology.http.stop.max-idle-wait=0s");
		try (Socket connection = connect(); BufferedReader in = reader(connection)) {
			send(connection, BODY.length());
			write(connection, BODY.substring(0, 20));
			CompletableFuture<Void> stop = beginStop();

			write(connection, BODY.substring(20));

			assertThat(readAnswer(in)).isEqualTo(201);
			stop.join();
		}
	}

	@Test
	void stopDoesNotWaitForAnIdleConnectionForever() throws Exception {
		start("metrology.http.stop.max-wait=1h", "metrology.http.stop.max-idle-wait=1ms");
		try (Socket connection = connect(); BufferedReader in = reader(connection)) {
			send(connection, BODY.length());
			write(connection, BODY);
			assertThat(readAnswer(in)).isEqualTo(201);

			beginStop().join();

			assertThat(in.read()).isEqualTo(-1);
		}
	}

	/**
	 * The kernel resets the connections that nobody has accepted when a socket closes.
	 */
	@Test
	void requestsThatWaitInTheKernelAreServed() throws Exception {
		int open = 10;
		int waiting = 300;
		start("server.tomcat.max-connections=" + open, "metrology.http.stop.max-idle-wait=2s");
		List<Socket> connections = new ArrayList<>();
		try {
			for (int i = 0; i < open + waiting; i++) {
				Socket connection = connect();
				connections.add(connection);
				if (i >= open) {
					send(connection, BODY.length());
					write(connection, BODY);
				}
			}

			this.service.close();

			for (Socket connection : connections.subList(open, open + waiting)) {
				assertThat(readAnswer(reader(connection))).isEqualTo(201);
			}
		}
		finally {
			for (Socket connection : connections) {
				connection.close();
			}
		}
	}

	private void start(String... properties) {
		this.service = TestService.start(TestPostgres.newDatabase(), properties);
	}

	/** Returns when the service accepts no new connections. */
	private CompletableFuture<Void> beginStop() {
		CompletableFuture<Void> stop = CompletableFuture.runAsync(this.service::close);
		Awaitility.await().until(this::refusesConnections);
		return stop;
	}

	private boolean refusesConnections() throws IOException {
		try (Socket connection = connect()) {
			return false;
		}
		catch (ConnectException ex) {
			return true;
		}
	}

	private Socket connect() throws IOException {
		return new Socket(this.service.url().getHost(), this.service.url().getPort());
	}

	private static BufferedReader reader(Socket socket) throws IOException {
		return new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
	}

	private static void send(Socket socket, int length) throws IOException {
		write(socket, "POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
				+ "Content-Length: " + length + "\r\n\r\n");
	}

	private static void write(Socket socket, String text) throws IOException {
		socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
	}

	/** Reads the answer and returns its status. */
	private int readAnswer(BufferedReader in) throws IOException {
		this.answer.clear();
		for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
			this.answer.add(line.toLowerCase(Locale.ROOT));
		}
		assertThat(this.answer).isNotEmpty();
		int length = this.answer.stream()
			.filter((line) -> line.startsWith("content-length:"))
			.mapToInt((line) -> Integer.parseInt(line.substring(15).strip()))
			.findFirst()
			.orElse(-1);
		if (length >= 0) {
			in.skip(length);
		}
		else {
			skipChunks(in);
		}
		return Integer.parseInt(this.answer.get(0).split(" ")[1]);
	}

	private static void skipChunks(BufferedReader in) throws IOException {
		for (int size = Integer.parseInt(in.readLine(), 16); size > 0; size = Integer.parseInt(in.readLine(), 16)) {
			in.skip(size);
			in.readLine();
		}
		in.readLine();
	}

}
