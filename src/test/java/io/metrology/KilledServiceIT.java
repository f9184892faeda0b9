package io.metrology;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The whole service with its embedded server, in a process of its own, killed at its
 * worst moment.
 */
class KilledServiceIT {

	private static final int TRIES = 600;

	private final HttpClient client = HttpClient.newHttpClient();

	private final UUID dataId = UUID.randomUUID();

	@TempDir
	private Path folder;

	private URI url;

	private Process service;

	@AfterEach
	void stop() throws InterruptedException {
		this.service.destroy();
		this.service.waitFor();
	}

	@Test
	void chunkIsThereThoughServiceAndServerWereKilledRightAfterItsAcknowledgement() throws Exception {
		start();
		assertThat(post(0)).isEqualTo(201);
		kill(postmaster());
		this.service.destroyForcibly().waitFor();

		start();

		assertThat(get("/metrology/stream/" + this.dataId + "/points?channel=thickness"))
			.contains("\"timestamps\":[1.0]");
	}

	@Test
	void chunkIsThereThoughTheServiceWasKilledAndLeftItsServerBehind() throws Exception {
		start();
		assertThat(post(0)).isEqualTo(201);
		this.service.destroyForcibly().waitFor();

		start();

		assertThat(post(1)).isEqualTo(201);
		assertThat(get("/metrology/stream/" + this.dataId)).contains("\"total_points\":2");
	}

	private void start() throws IOException, InterruptedException {
		try (ServerSocket free = new ServerSocket(0)) {
			this.url = URI.create("http://127.0.0.1:" + free.getLocalPort());
		}
		ProcessBuilder command = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
				"-cp", System.getProperty("java.class.path"), MetrologyIngestApplication.class.getName(),
				"--server.port=" + this.url.getPort(), "--metrology.data-dir=" + this.folder.resolve("data"));
		command.environment().keySet().removeIf((name) -> name.startsWith("SPRING_"));
		this.service = command.redirectErrorStream(true)
			.redirectOutput(ProcessBuilder.Redirect.appendTo(this.folder.resolve("log").toFile()))
			.start();
		for (int i = 0; i < TRIES && !isReady(); i++) {
			assertThat(this.service.isAlive()).as(Files.readString(this.folder.resolve("log"))).isTrue();
			Thread.sleep(200);
		}
	}

	private boolean isReady() throws InterruptedException {
		try {
			return get("/actuator/health/readiness").contains("UP");
		}
		catch (IOException ex) {
			return false;
		}
	}

	private long postmaster() throws IOException {
		return Long.parseLong(Files.readAllLines(this.folder.resolve("data/postgresql/postmaster.pid")).get(0).strip());
	}

	private static void kill(long process) throws Exception {
		ProcessHandle handle = ProcessHandle.of(process).orElseThrow();
		handle.destroyForcibly();
		handle.onExit().get();
	}

	private int post(int index) throws IOException, InterruptedException {
		HttpRequest request = HttpRequest.newBuilder(this.url.resolve("/metrology/stream/chunk"))
			.header("Content-Type", "application/json")
			.POST(HttpRequest.BodyPublishers.ofString(
					"""
							{"data_id": "%s", "chunk_index": %d, "channel_name": "thickness", "timestamps": [1], "values": [2]}"""
						.formatted(this.dataId, index)))
			.build();
		return this.client.send(request, BodyHandlers.ofString()).statusCode();
	}

	private String get(String path) throws IOException, InterruptedException {
		return this.client.send(HttpRequest.newBuilder(this.url.resolve(path)).build(), BodyHandlers.ofString()).body();
	}

}
