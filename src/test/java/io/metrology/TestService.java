package io.metrology;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

import io.metrology.TestPostgres.TestDatabase;

import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;

/**
 * The real application, started in the test's JVM on a free port, and spoken to by HTTP
 * alone. Several may run at once, on one database as well.
 */
public final class TestService implements AutoCloseable {

	private static final String MAX_IDLE_WAIT = "metrology.http.stop.max-idle-wait";

	private static final String CHUNKS = "/metrology/stream/chunk";

	private final ConfigurableApplicationContext context;

	private final URI url;

	private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	private TestService(ConfigurableApplicationContext context) {
		this.context = context;
		int port = ((WebServerApplicationContext) context).getWebServer().getPort();
		this.url = URI.create("http://127.0.0.1:" + port);
	}

	/**
	 * Starts the application; it is ready when this returns.
	 * @param properties settings that win over all others, such as
	 * {@code metrology.ingest.hold=1s}
	 */
	public static TestService start(TestDatabase database, String... properties) {
		List<String> arguments = new ArrayList<>();
		// As arguments, because a builder's properties lose against application.yml.
		arguments.add("--server.port=0");
		arguments.add("--spring.datasource.url=" + database.url());
		arguments.add("--spring.datasource.username=" + database.username());
		arguments.add("--spring.datasource.password=" + database.password());
		if (Stream.of(properties).noneMatch((property) -> property.startsWith(MAX_IDLE_WAIT))) {
			// The test's own connections stay open.
			arguments.add("--" + MAX_IDLE_WAIT + "=0s");
		}
		for (String property : properties) {
			arguments.add("--" + property);
		}
		return new TestService(
				new SpringApplicationBuilder(MetrologyIngestApplication.class).registerShutdownHook(false)
					.run(arguments.toArray(String[]::new)));
	}

	/** Starts the application with an embedded database of its own. */
	public static TestService startEmbedded(String... arguments) {
		return new TestService(
				new SpringApplicationBuilder(MetrologyIngestApplication.class).registerShutdownHook(false)
					.run(arguments));
	}

	/** Where it listens, without a path. */
	public URI url() {
		return this.url;
	}

	public ConfigurableApplicationContext context() {
		return this.context;
	}

	/** Posts a chunk and waits for the answer. */
	public Answer postChunk(String body) {
		return post(CHUNKS, body);
	}

	/** Posts a chunk; the answer comes when it comes. */
	public CompletableFuture<Answer> postChunkLater(String body) {
		return postLater(CHUNKS, body);
	}

	public Answer post(String path, String body) {
		return send(request(path, "POST", body));
	}

	public Answer patch(String path, String body) {
		return send(request(path, "PATCH", body));
	}

	public Answer get(String path) {
		return send(HttpRequest.newBuilder(this.url.resolve(path)).GET().build());
	}

	/** Gets with an API key. */
	public Answer getWith(String key, String path) {
		return send(HttpRequest.newBuilder(this.url.resolve(path)).header("X-API-KEY", key).GET().build());
	}

	/** Posts without a body, and so without a type of it. */
	public Answer post(String path) {
		return send(HttpRequest.newBuilder(this.url.resolve(path)).POST(BodyPublishers.noBody()).build());
	}

	/** Posts; the answer comes when it comes. */
	public CompletableFuture<Answer> postLater(String path, String body) {
		return this.client.sendAsync(request(path, "POST", body), BodyHandlers.ofString()).thenApply(Answer::of);
	}

	public Answer delete(String path) {
		return send(HttpRequest.newBuilder(this.url.resolve(path)).DELETE().build());
	}

	private HttpRequest request(String path, String method, String body) {
		return HttpRequest.newBuilder(this.url.resolve(path))
			.header("Content-Type", "application/json")
			.method(method, BodyPublishers.ofString(body))
			.build();
	}

	private Answer send(HttpRequest request) {
		try {
			return Answer.of(this.client.send(request, BodyHandlers.ofString()));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(request.toString(), ex);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new IllegalStateException("Interrupted in " + request, ex);
		}
	}

	@Override
	public void close() {
		this.context.close();
	}

}
