package io.metrology.contract;

import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.stream.Collectors;

import io.metrology.http.ErrorCode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

import org.springframework.web.servlet.mvc.method.RequestMappingInfo;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What {@code /openapi.yaml} says is what the service does: its paths, its codes, and the
 * form of its answers.
 */
class OpenApiIT {

	private static final String CHUNK = "POST /metrology/stream/chunk";

	private static final String MULTI = "POST /metrology/stream/chunk/multi";

	private static final String INITIALIZE = "POST /metrology/stream/initialize";

	private static final String FINALIZE = "POST /metrology/stream/{data_id}/finalize";

	private static final String DESCRIBE = "GET /metrology/stream/{data_id}";

	private static final String DELETE = "DELETE /metrology/stream/{data_id}";

	private static final String LIST = "GET /metrology/streams";

	private static final String UNITS = "PATCH /metrology/stream/{data_id}/channels";

	private static final String POINTS = "GET /metrology/stream/{data_id}/points";

	private static final String HELD = "GET /metrology/stream/{data_id}/chunks";

	private static final String TIMESERIES = "GET /metrology/{data_id}/timeseries/";

	private static final String REFUSALS = "GET /metrology/refusals";

	private static final String REFUSAL = "GET /metrology/refusals/{id}";

	private static final String REFUSED_BODY = "GET /metrology/refusals/{id}/body";

	private static final String RESEND = "POST /metrology/refusals/{id}/resend";

	private static final String DELETE_REFUSAL = "DELETE /metrology/refusals/{id}";

	private static final String UNKNOWN = "00000000-0000-4000-8000-000000000000";

	private final RunningService service = RunningService.asDelivered();

	private final Client client = this.service.client();

	private final OpenApiDocument document = new OpenApiDocument(this.client.get("/openapi.yaml").text());

	@ParameterizedTest
	@ValueSource(strings = { "/openapi.yaml", "/openapi.yaml/" })
	void documentIsServedAsYaml(String path) throws IOException {
		Answer answer = this.client.get(path);
		assertThat(answer.status()).isEqualTo(200);
		assertThat(answer.header("Content-Type")).isEqualTo("application/yaml");
		assertThat(answer.text()).isEqualTo(Files.readString(Path.of("src/main/resources/static/openapi.yaml")));
	}

	@Test
	void everyMappingIsDescribedAndEveryPathIsMapped() {
		Set<String> described = this.document.operations()
			.stream()
			.filter(Predicate.not(OpenApiIT::isOperation))
			.map((operation) -> operation.replaceFirst("/$", ""))
			.collect(Collectors.toCollection(TreeSet::new));
		assertThat(described).isEqualTo(mappings((path) -> !path.startsWith("/tool-state")));
	}

	@Test
	void everyPathIsServedUnderToolStateToo() {
		Set<String> twins = mappings((path) -> path.startsWith("/tool-state")).stream()
			.map((operation) -> operation.replaceFirst(" /tool-state", " /metrology"))
			.collect(Collectors.toCollection(TreeSet::new));
		assertThat(twins).isEqualTo(mappings((path) -> path.startsWith("/metrology")));
	}

	@Test
	void everyCodeOfTheCatalogueIsDescribed() {
		assertThat(this.document.at("/components/schemas/ErrorCode/enum").valueStream().map(JsonNode::stringValue))
			.containsExactly(Arrays.stream(ErrorCode.values()).map(ErrorCode::code).toArray(String[]::new));
	}

	@Test
	void versionIsThatOfTheProject() throws IOException {
		assertThat(Files.readString(Path.of("pom.xml")))
			.contains("<artifactId>metrology-ingest</artifactId>\n\t<version>"
					+ this.document.at("/info/version").stringValue() + "</version>");
	}

	@Test
	void everyExampleIsValid() {
		assertThat(this.document.exampleFaults()).isEmpty();
	}

	@Test
	void probesAndMetricsAreAsDescribed() {
		assertThat(this.document.operations()).filteredOn(OpenApiIT::isOperation)
			.allSatisfy((operation) -> assertDescribed(200, operation, this.client.get(operation.split(" ")[1])))
			.hasSize(5);
	}

	@Test
	void answersToChunksAreAsDescribed() {
		ChunkJson chunk = new ChunkJson().with("units", "\"nm\"");
		assertDescribed(200, CHUNK, this.client.post(Client.CHUNKS + "?validate_only=true", chunk.toString()));
		assertDescribed(201, CHUNK, this.client.postChunk(chunk.toString()));
		assertDescribed(201, CHUNK, this.client.postChunk(chunk.toString()));
		assertDescribed(201, CHUNK, this.client.postChunk(chunk.with("values", "[null, 5.2, 10.1]").toString()));
		assertDescribed(409, CHUNK, this.client.postChunk(chunk.with("units", "\"um\"").toString()));
	}

	@Test
	void refusalsOfChunksAreAsDescribed() {
		assertDescribed(400, CHUNK, this.client.postChunk("{"));
		assertDescribed(400, CHUNK, this.client.postChunk(new ChunkJson().with("values", "[1, {}, true]").toString()));
		assertDescribed(400, CHUNK,
				this.client.postChunk(new ChunkJson().with("timestamps", "[1, 2, 1e12]").toString()));
		assertDescribed(400, CHUNK, this.client.post(Client.CHUNKS + "?validate_only=1", new ChunkJson().toString()));
		assertDescribed(413, CHUNK, this.client.postChunk(new ChunkJson().withPoints(100_001).toString()));
		assertDescribed(415, CHUNK, this.client.send("POST", Client.CHUNKS, BodyPublishers.ofString("{}"),
				"Content-Type", "application/json", "Content-Encoding", "br"));
	}

	@Test
	void answersOnRefusedChunksAreAsDescribed() {
		ChunkJson chunk = new ChunkJson().with("units", "\"nm\"");
		this.client.postChunk(chunk.toString());
		Answer refused = this.client.postChunk(chunk.with("units", "\"um\"").with("chunk_index", "1").toString());
		assertDescribed(409, CHUNK, refused);
		String record = "/metrology/refusals/" + refused.header("Refusal-Id");
		assertDescribed(200, DESCRIBE, this.client.get("/metrology/stream/" + chunk.dataId));
		assertDescribed(200, REFUSALS, this.client.get("/metrology/refusals?data_id=" + chunk.dataId));
		assertDescribed(400, REFUSALS, this.client.get("/metrology/refusals?code=none"));
		assertDescribed(200, REFUSAL, this.client.get(record));
		assertDescribed(200, REFUSED_BODY, this.client.get(record + "/body"));
		assertDescribed(409, RESEND, resend(record, "{}"));
		this.client.postChunk(chunk.with("units", "\"nm\"").with("values", "[1, 2, 3]").toString());
		assertDescribed(409, RESEND, resend(record, "{\"units\": null}"));
		assertDescribed(201, RESEND, resend(record, "{\"units\": null, \"chunk_index\": 2}"));
		assertDescribed(404, RESEND, resend(record, "{}"));
		assertDescribed(404, REFUSAL, this.client.get(record));
		assertDescribed(404, REFUSED_BODY, this.client.get(record + "/body"));
		assertDescribed(404, DELETE_REFUSAL, this.client.send("DELETE", record, BodyPublishers.noBody()));
		Answer malformed = this.client.postChunk("{");
		assertDescribed(200, REFUSALS, this.client.get("/metrology/refusals?limit=1"));
		assertDescribed(204, DELETE_REFUSAL, this.client.send("DELETE",
				"/metrology/refusals/" + malformed.header("Refusal-Id"), BodyPublishers.noBody()));
	}

	private Answer resend(String record, String patch) {
		return this.client.send("POST", record + "/resend", BodyPublishers.ofString(patch), "Content-Type",
				"application/merge-patch+json");
	}

	@Test
	void answersToSeveralChannelsAreAsDescribed() {
		String path = Client.CHUNKS + "/multi";
		String chunks = """
				{"data_id": "%s", "chunk_index": 0, "channels": {
				  "thickness": {"timestamps": [1705312250.0], "values": [25.1], "units": "nm"},
				  "temperature": {"timestamps": [1705312250.0, 1705312251.5], "values": [612.4, null]}}}"""
			.formatted(UUID.randomUUID());
		assertDescribed(200, MULTI, this.client.post(path + "?validate_only=true", chunks));
		assertDescribed(201, MULTI, this.client.post(path, chunks));
		assertDescribed(400, MULTI, this.client.post(path, chunks.replace("612.4", "\"x\"")));
		assertDescribed(409, MULTI, this.client.post(path, chunks.replace("\"nm\"", "\"um\"")));
	}

	@Test
	void answersOnAStreamsLifeAreAsDescribed() {
		Answer made = this.client.post("/metrology/stream/initialize", """
				{"points_per_chunk": 100, "stream_name": "Run 42", "synth_source_id": 7,
				 "project_id": "4c0f2b0e-8f0b-4f0e-9a43-0a1d8f3c5b11"}""");
		assertDescribed(201, INITIALIZE, made);
		String dataId = made.json().required("data_id").stringValue();
		assertReadsAreDescribed(dataId);
		ChunkJson chunk = new ChunkJson().withString("data_id", dataId).with("values", "[0, null, 10.1]");
		assertDescribed(201, CHUNK, this.client.postChunk(chunk.toString()));
		assertDescribed(200, UNITS, patch(dataId, "?channel=thickness", "{\"units\": \"um\"}"));
		assertReadsAreDescribed(dataId);
		String stream = "/metrology/stream/" + dataId;
		assertDescribed(200, POINTS, this.client.get(stream + "/points?channel=thickness"));
		assertDescribed(200, POINTS, this.client.get(stream + "/points?channel=thickness&max_points=10"));
		assertDescribed(400, POINTS, this.client.get(stream + "/points"));
		assertDescribed(404, POINTS, this.client.get(stream + "/points?channel=no"));
		assertDescribed(200, HELD, this.client.get(stream + "/chunks?channel=thickness"));
		assertDescribed(200, HELD, this.client.get(stream + "/chunks?channel=thickness&details=true"));
		assertDescribed(409, FINALIZE, finish(dataId, 2, 3));
		assertDescribed(200, FINALIZE, finish(dataId, 1, 3));
		assertDescribed(409, CHUNK, this.client.postChunk(chunk.with("chunk_index", "1").toString()));
		assertReadsAreDescribed(dataId);
		assertDescribed(204, DELETE, delete(dataId));
		assertDescribed(410, CHUNK, this.client.postChunk(chunk.toString()));
		assertDescribed(410, DESCRIBE, this.client.get("/metrology/stream/" + dataId));
		assertDescribed(410, TIMESERIES, this.client.get("/metrology/" + dataId + "/timeseries/"));
		assertDescribed(410, FINALIZE, finish(dataId, 1, 3));
		assertDescribed(410, UNITS, patch(dataId, "?channel=thickness", "{\"units\": null}"));
	}

	@Test
	void refusalsOnStreamsAreAsDescribed() {
		ChunkJson held = new ChunkJson();
		this.client.postChunk(held.toString());
		assertDescribed(400, INITIALIZE, this.client.post("/metrology/stream/initialize", "{\"points_per_chunk\": 0}"));
		assertDescribed(400, FINALIZE, finish(held.dataId, -1, 0));
		assertDescribed(400, LIST, this.client.get("/metrology/streams?limit=0"));
		assertDescribed(400, LIST, this.client.get("/metrology/streams?cursor=x"));
		assertDescribed(400, UNITS, patch(held.dataId, "", "{\"units\": \"nm\"}"));
		assertDescribed(400, UNITS, patch(held.dataId, "?channel=thickness", "{}"));
		assertDescribed(404, UNITS, patch(held.dataId, "?channel=pressure", "{\"units\": \"Pa\"}"));
		assertDescribed(404, DESCRIBE, this.client.get("/metrology/stream/" + UNKNOWN));
		assertDescribed(404, TIMESERIES, this.client.get("/metrology/" + UNKNOWN + "/timeseries/"));
		assertDescribed(404, FINALIZE, finish(UNKNOWN, 1, 3));
		assertDescribed(404, DELETE, delete(UNKNOWN));
	}

	private void assertReadsAreDescribed(String dataId) {
		assertDescribed(200, DESCRIBE, this.client.get("/metrology/stream/" + dataId));
		assertDescribed(200, LIST, this.client.get("/metrology/streams?limit=2"));
		assertDescribed(200, TIMESERIES, this.client.get("/metrology/" + dataId + "/timeseries/"));
	}

	private void assertDescribed(int status, String operation, Answer answer) {
		assertThat(answer.status()).as(answer.text()).isEqualTo(status);
		assertThat(this.document.faults(operation, answer)).as("%s: %s", operation, answer).isEmpty();
	}

	private Answer finish(String dataId, int chunks, int points) {
		return this.client.post("/metrology/stream/" + dataId + "/finalize", """
				{"channels": {"thickness": {"chunks": %d, "total_points": %d}}}""".formatted(chunks, points));
	}

	private Answer patch(String dataId, String query, String json) {
		return this.client.send("PATCH", "/metrology/stream/" + dataId + "/channels" + query,
				BodyPublishers.ofString(json), "Content-Type", "application/json");
	}

	private Answer delete(String dataId) {
		return this.client.send("DELETE", "/metrology/stream/" + dataId, BodyPublishers.noBody());
	}

	/** What the controllers serve, in the form of {@link OpenApiDocument#operations}. */
	private Set<String> mappings(Predicate<String> isWanted) {
		return this.service.context()
			.getBean("requestMappingHandlerMapping", RequestMappingHandlerMapping.class)
			.getHandlerMethods()
			.keySet()
			.stream()
			.flatMap((mapping) -> mapping.getPatternValues()
				.stream()
				.filter(isWanted)
				.flatMap((path) -> operations(mapping, path).stream()))
			.collect(Collectors.toCollection(TreeSet::new));
	}

	private static List<String> operations(RequestMappingInfo mapping, String path) {
		String described = path.replaceAll("\\{(\\w+):[^/]*}", "{$1}");
		return mapping.getMethodsCondition().getMethods().stream().map((method) -> method + " " + described).toList();
	}

	/** Whether it is for those who run the service, and no controller of ours. */
	private static boolean isOperation(String operation) {
		return operation.startsWith("GET /actuator/") || operation.equals("GET /openapi.yaml");
	}

}
