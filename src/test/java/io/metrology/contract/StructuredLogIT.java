package io.metrology.contract;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import io.metrology.MetrologyIngestApplication;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The console of the service as a process of its own: a line an error of the service,
 * none a chunk and none for what clients did wrong.
 */
class StructuredLogIT {

	private static final Pattern LISTENING = Pattern.compile("Listening on (http://127\\.0\\.0\\.1:\\d+)");

	private static final JsonMapper JSON = JsonMapper.builder().build();

	@TempDir
	private Path folder;

	@Test
	void everyLineIsJsonAndThatOfAnErrorHasTheRequestId() throws Exception {
		List<String> lines = linesWith("ecs");
		List<JsonNode> logged = lines.stream().map((line) -> (JsonNode) JSON.readTree(line)).toList();
		assertThat(logged).allSatisfy((line) -> assertThat(line.has("@timestamp")).isTrue());
		assertThat(logged).filteredOn((line) -> line.at("/request_id").stringValue("").equals("the-failing-one"))
			.singleElement()
			.satisfies((line) -> {
				assertThat(line.at("/log/level").stringValue("")).isEqualTo("ERROR");
				assertThat(line.at("/message").stringValue("")).contains("internal_error")
					.contains("/metrology/stream/chunk");
				assertThat(line.at("/error/stack_trace").stringValue("")).contains("chunk");
			});
		assertThat(logged).noneMatch((line) -> line.at("/request_id").stringValue("").startsWith("fine"));
	}

	/** The lines of a service that took chunks, refused some, and failed at one. */
	private List<String> linesWith(String format) throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		Path console = this.folder.resolve("console.log");
		ProcessBuilder builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
				"-cp", System.getProperty("java.class.path"), MetrologyIngestApplication.class.getName())
			.redirectErrorStream(true)
			.redirectOutput(console.toFile());
		builder.environment()
			.putAll(Map.of("SERVER_PORT", "0", "LOGGING_STRUCTURED_FORMAT_CONSOLE", format, "SPRING_DATASOURCE_URL",
					database.url(), "SPRING_DATASOURCE_USERNAME", database.username(), "SPRING_DATASOURCE_PASSWORD",
					database.password()));
		Process service = builder.start();
		try {
			URI chunks = URI.create(awaitUrl(service, console) + Client.CHUNKS);
			for (int i = 0; i < 5; i++) {
				assertThat(post(chunks, "fine-" + i, new ChunkJson().toString()).statusCode()).isEqualTo(201);
				assertThat(post(chunks, "fine-but-refused-" + i, "{").statusCode()).isEqualTo(400);
			}
			breakDatabase(database);
			HttpResponse<String> failed = post(chunks, "the-failing-one", new ChunkJson().toString());
			assertThat(failed.statusCode()).isEqualTo(500);
			assertThat(failed.body()).contains("the-failing-one").doesNotContainIgnoringCase("relation");
		}
		finally {
			service.destroy();
			service.waitFor();
		}
		return Files.readAllLines(console);
	}

	private static void breakDatabase(TestDatabase database) throws SQLException {
		try (Connection connection = database.connect(); Statement statement = connection.createStatement()) {
			statement.execute("ALTER TABLE chunk RENAME TO chunk_gone");
		}
	}

	private static String awaitUrl(Process service, Path console) throws IOException, InterruptedException {
		while (service.isAlive()) {
			Matcher listening = LISTENING.matcher(Files.readString(console));
			if (listening.find()) {
				return listening.group(1);
			}
			Thread.sleep(100);
		}
		throw new IllegalStateException("The service ended: " + Files.readString(console));
	}

	private static HttpResponse<String> post(URI uri, String requestId, String json)
			throws IOException, InterruptedException {
		HttpRequest request = HttpRequest.newBuilder(uri)
			.header("Content-Type", "application/json")
			.header("X-Request-Id", requestId)
			.POST(BodyPublishers.ofString(json))
			.build();
		return HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
	}

}
