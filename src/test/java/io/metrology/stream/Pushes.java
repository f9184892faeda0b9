package io.metrology.stream;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

import io.metrology.Answer;
import io.metrology.TestService;

/**
 * Pushes chunks as the public SDK does: from many connections at once, without waiting
 * for answers, and again after 0.5 s and 1 s where a connection broke.
 */
final class Pushes implements AutoCloseable {

	private static final int CONNECTIONS = 50;

	private static final List<Integer> PAUSES = List.of(500, 1000);

	private final ScheduledExecutorService connections = Executors.newScheduledThreadPool(CONNECTIONS);

	private final List<CompletableFuture<Answer>> answers = new ArrayList<>();

	/**
	 * Pushes a chunk.
	 * @param cuts how many tries are to break: one before its answer, or two before the
	 * end of the body, so that nothing of the chunk is there until the third
	 */
	void push(TestService service, String chunk, int cuts) {
		CompletableFuture<Answer> answer = new CompletableFuture<>();
		this.answers.add(answer);
		this.connections.execute(() -> attempt(service, chunk, cuts, 0, answer));
	}

	/** Waits for all answers. */
	List<Answer> answers() {
		return this.answers.stream().map(CompletableFuture::join).toList();
	}

	private void attempt(TestService service, String chunk, int cuts, int attempt, CompletableFuture<Answer> answer) {
		try {
			if (attempt == cuts) {
				answer.complete(service.postChunk(chunk));
				return;
			}
			cut(service.url(), chunk, cuts == 1);
			this.connections.schedule(() -> attempt(service, chunk, cuts, attempt + 1, answer), PAUSES.get(attempt),
					TimeUnit.MILLISECONDS);
		}
		catch (RuntimeException ex) {
			answer.completeExceptionally(ex);
		}
	}

	/** Breaks off before the answer, or in the middle of the body. */
	private static void cut(URI url, String chunk, boolean whole) {
		try (Socket socket = new Socket(url.getHost(), url.getPort())) {
			byte[] body = chunk.getBytes(StandardCharsets.UTF_8);
			socket.getOutputStream().write(head(body.length).getBytes(StandardCharsets.US_ASCII));
			socket.getOutputStream().write(body, 0, whole ? body.length : body.length / 2);
			socket.getOutputStream().flush();
			socket.setSoLinger(true, 0);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/** The head of a request with a chunk. */
	static String head(int length) {
		return "POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
				+ length + "\r\n\r\n";
	}

	@Override
	public void close() {
		this.connections.shutdownNow();
	}

}
