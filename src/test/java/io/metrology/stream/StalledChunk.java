package io.metrology.stream;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

import io.metrology.TestService;

/** A chunk request whose body stops in the middle until a test sends the rest. */
final class StalledChunk implements AutoCloseable {

	private static final int PATIENCE_MILLIS = 120_000;

	private final Socket socket;

	private final byte[] rest;

	private StalledChunk(Socket socket, byte[] rest) {
		this.socket = socket;
		this.rest = rest;
	}

	/** Sends the headers and the first bytes of the body. */
	static StalledChunk send(TestService service, String chunk, int firstBytes) throws IOException {
		byte[] body = chunk.getBytes(StandardCharsets.UTF_8);
		Socket socket = new Socket(service.url().getHost(), service.url().getPort());
		socket.setSoTimeout(PATIENCE_MILLIS);
		socket.getOutputStream().write(Pushes.head(body.length).getBytes(StandardCharsets.US_ASCII));
		socket.getOutputStream().write(body, 0, firstBytes);
		socket.getOutputStream().flush();
		return new StalledChunk(socket, Arrays.copyOfRange(body, firstBytes, body.length));
	}

	/** Sends the rest of the body and returns the status of the answer. */
	int complete() throws IOException {
		this.socket.getOutputStream().write(this.rest);
		this.socket.getOutputStream().flush();
		return status(this.socket);
	}

	/** Reads the status of the next answer. */
	static int status(Socket socket) throws IOException {
		byte[] start = socket.getInputStream().readNBytes("HTTP/1.1 200".length());
		return Integer.parseInt(new String(start, StandardCharsets.US_ASCII).substring("HTTP/1.1 ".length()));
	}

	@Override
	public void close() throws IOException {
		this.socket.close();
	}

}
