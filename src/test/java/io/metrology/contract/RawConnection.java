package io.metrology.contract;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/** A connection on which a test writes what no client library would. */
final class RawConnection implements AutoCloseable {

	/**
	 * Longer than any answer of the service takes, so that a test without an answer ends,
	 * red.
	 */
	private static final int PATIENCE_MILLIS = 60_000;

	private final Socket socket;

	private RawConnection(Socket socket) {
		this.socket = socket;
	}

	static RawConnection to(RunningService service) throws IOException {
		return to(service.port());
	}

	static RawConnection to(int port) throws IOException {
		Socket socket = new Socket("127.0.0.1", port);
		socket.setSoTimeout(PATIENCE_MILLIS);
		return new RawConnection(socket);
	}

	/** Sends one request on a connection of its own and reads its answer. */
	static Answer exchange(RunningService service, String request) throws IOException {
		try (RawConnection connection = to(service)) {
			connection.write(request);
			return connection.read();
		}
	}

	RawConnection write(String text) throws IOException {
		return write(text.getBytes(StandardCharsets.ISO_8859_1));
	}

	RawConnection write(byte[] bytes) throws IOException {
		this.socket.getOutputStream().write(bytes);
		this.socket.getOutputStream().flush();
		return this;
	}

	/** Ends the client's side only. */
	void endWriting() throws IOException {
		this.socket.shutdownOutput();
	}

	/** Leaves without a good-bye: the other side sees a reset. */
	void reset() throws IOException {
		this.socket.setSoLinger(true, 0);
		this.socket.close();
	}

	/** Whether the other side has closed: what comes next is the end and not a byte. */
	boolean isAtEnd() throws IOException {
		return this.socket.getInputStream().read() < 0;
	}

	/** Reads a few bytes. */
	void read(int count) throws IOException {
		this.socket.getInputStream().readNBytes(count);
	}

	/** Reads the next answer, and leaves what follows it. */
	Answer read() throws IOException {
		return read("GET");
	}

	/** Reads the next answer; that to a HEAD has no body, whatever its headers say. */
	Answer read(String method) throws IOException {
		InputStream in = this.socket.getInputStream();
		String statusLine = line(in);
		if (statusLine == null) {
			throw new IOException("The connection was closed without an answer");
		}
		int status = Integer.parseInt(statusLine.split(" ")[1]);
		Map<String, List<String>> headers = new LinkedHashMap<>();
		String line;
		while ((line = line(in)) != null && !line.isEmpty()) {
			int colon = line.indexOf(':');
			headers.computeIfAbsent(line.substring(0, colon).toLowerCase(Locale.ROOT), (name) -> new ArrayList<>())
				.add(line.substring(colon + 1).strip());
		}
		boolean empty = status < 200 || status == 204 || method.equals("HEAD");
		return Answer.of(status, headers, empty ? new byte[0] : body(in, headers));
	}

	private static byte[] body(InputStream in, Map<String, List<String>> headers) throws IOException {
		List<String> length = headers.get("content-length");
		if (length != null) {
			return in.readNBytes(Integer.parseInt(length.get(0)));
		}
		if (!headers.containsKey("transfer-encoding")) {
			return in.readAllBytes();
		}
		ByteArrayOutputStream body = new ByteArrayOutputStream();
		int size;
		while ((size = Integer.parseInt(String.valueOf(line(in)), 16)) > 0) {
			body.write(in.readNBytes(size));
			line(in);
		}
		line(in);
		return body.toByteArray();
	}

	private static @Nullable String line(InputStream in) throws IOException {
		ByteArrayOutputStream line = new ByteArrayOutputStream();
		int next;
		while ((next = in.read()) >= 0) {
			if (next == '\n') {
				byte[] bytes = line.toByteArray();
				int end = (bytes.length > 0 && bytes[bytes.length - 1] == '\r') ? bytes.length - 1 : bytes.length;
				return new String(Arrays.copyOf(bytes, end), StandardCharsets.ISO_8859_1);
			}
			line.write(next);
		}
		return null;
	}

	@Override
	public void close() throws IOException {
		this.socket.close();
	}

}
