package io.metrology.http;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.UUID;

import io.metrology.Chunks;
import io.metrology.TestPostgres;
import io.metrology.TestService;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A client sends its next request on the connection that a refusal came by: unless the
 * refusal said that the connection closes, it must be answered.
 */
class KeptConnectionIT {

	private static final UUID STREAM = UUID.randomUUID();

	private static TestService service;

	@BeforeAll
	static void start() {
		service = TestService.start(TestPostgres.newDatabase());
		service.postChunk(chunk("nm"));
	}

	@AfterAll
	static void stop() {
		service.close();
	}

	@Test
	void requestAfterARefusedChunkIsAnsweredOnTheSameConnection() throws Exception {
		try (Socket socket = connect()) {
			BufferedReader in = reader(socket);
			for (int i = 0; i < 5; i++) {
				send(socket, chunk("um"));

				assertThat(readAnswer(in)).isEqualTo(409);
			}
			send(socket, chunk("nm"));
			assertThat(readAnswer(in)).isEqualTo(201);
		}
	}

	private static String chunk(String units) {
		return Chunks.ofTexts(STREAM, "thickness", 0, List.of("1"), List.of("2"), units);
	}

	private static Socket connect() throws IOException {
		return new Socket(service.url().getHost(), service.url().getPort());
	}

	private static BufferedReader reader(Socket socket) throws IOException {
		return new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
	}

	private static void send(Socket socket, String body) throws IOException {
		byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
		String head = "POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
				+ "Content-Length: " + bytes.length + "\r\n\r\n";
		socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
		socket.getOutputStream().write(bytes);
	}

	/** Reads a whole answer, sized or chunked, and returns its status. */
	private static int readAnswer(BufferedReader in) throws IOException {
		String status = in.readLine();
		assertThat(status).as("the connection's next answer").isNotNull();
		int length = -1;
		for (String line = in.readLine(); !line.isEmpty(); line = in.readLine()) {
			assertThat(line).isNotEqualToIgnoringCase("Connection: close");
			if (line.toLowerCase(Locale.ROOT).startsWith("content-length:")) {
				length = Integer.parseInt(line.substring(15).strip());
			}
		}
		if (length >= 0) {
			in.skip(length);
		}
		else {
			skipChunks(in);
		}
		return Integer.parseInt(status.split(" ")[1]);
	}

	private static void skipChunks(BufferedReader in) throws IOException {
		for (int size = Integer.parseInt(in.readLine(), 16); size > 0; size = Integer.parseInt(in.readLine(), 16)) {
			in.skip(size);
			in.readLine();
		}
		in.readLine();
	}

}
