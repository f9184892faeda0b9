package io.metrology.contract;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

/** A well-behaved client. */
final class Client {

	static final String CHUNKS = "/metrology/stream/chunk";

	/**
	 * Longer than any answer of the service takes, so that a test without an answer ends,
	 * red.
	 */
	private static final Duration PATIENCE = Duration.ofSeconds(60);

	private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	private final RunningService service;

	Client(RunningService service) {
		this.service = service;
	}

	/** Sends a chunk in the documented way. */
	Answer postChunk(String json) {
		return post(CHUNKS, json);
	}

	Answer post(String path, String json) {
		return send("POST", path, BodyPublishers.ofString(json), "Content-Type", "application/json");
	}

	Answer get(String path, String... headers) {
		return send("GET", path, BodyPublishers.noBody(), headers);
	}

	Answer send(String method, String path, BodyPublisher body, String... headers) {
		return send(method, this.service.uri(path), body, headers);
	}

	private static Answer send(String method, URI uri, BodyPublisher body, String... headers) {
		HttpRequest.Builder request = HttpRequest.newBuilder(uri).timeout(PATIENCE).method(method, body);
		if (headers.length > 0) {
			request.headers(headers);
		}
		try {
			HttpResponse<byte[]> response = HTTP.send(request.build(), BodyHandlers.ofByteArray());
			return Answer.of(response.statusCode(), response.headers().map(), response.body());
		}
		catch (IOException ex) {
			throw new AssertionError("No answer to " + method + " " + uri, ex);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new IllegalStateException(ex);
		}
	}

}
