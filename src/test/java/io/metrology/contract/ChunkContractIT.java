package io.metrology.contract;

import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.metrology.http.ErrorCode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.argumentSet;

/** Each clause of the contract on chunks, at its boundary, on both sides. */
class ChunkContractIT {

	private static final String ASTRAL = new String(Character.toChars(0x1F52C));

	private final RunningService service = RunningService.asDelivered();

	private final Client client = this.service.client();

	@ParameterizedTest
	@MethodSource("documentedBodies")
	void documentedRequestGetsTheDocumentedAnswer(String body, String path) {
		String dataId = UUID.randomUUID().toString();
		Answer answer = this.client.post(path, body.replace("d290f1ee-6c54-4b01-90e6-d701748f0851", dataId));
		assertThat(answer.status()).isEqualTo(201);
		assertThat(answer.header("Content-Type")).isEqualTo("application/json");
		assertThat(answer.text()).isEqualTo(
				"{\"data_id\":\"" + dataId + "\",\"channel_name\":\"thickness\",\"chunk_index\":0,\"total_points\":3}");
	}

	static Stream<Arguments> documentedBodies() {
		String curl = """
				{
				      "data_id": "d290f1ee-6c54-4b01-90e6-d701748f0851",
				      "chunk_index": 0,
				      "channel_name": "thickness",
				      "timestamps": [1705312200.0, 1705312210.0, 1705312220.0],
				      "values": [0, 5.2, 10.1],
				      "units": "nm"
				    }""";
		// As Python's json.dumps writes it.
		String python = "{\"data_id\": \"d290f1ee-6c54-4b01-90e6-d701748f0851\", \"chunk_index\": 0, "
				+ "\"channel_name\": \"thickness\", \"timestamps\": [1705312200.0, 1705312210.0, 1705312220.0], "
				+ "\"values\": [0, 5.2, 10.1], \"units\": \"nm\"}";
		return Stream.of("/metrology", "/tool-state")
			.flatMap((prefix) -> Stream.of(argumentSet("curl to " + prefix, curl, prefix + "/stream/chunk"),
					argumentSet("Python to " + prefix, python, prefix + "/stream/chunk")));
	}

	@Test
	void documentedIdAndBodyAreStoredByTheFirstRequestToAFreshService() {
		try (RunningService fresh = RunningService.start()) {
			String documented = """
					{"data_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "chunk_index": 0, "channel_name": "thickness",
					 "timestamps": [1705312200.0, 1705312210.0, 1705312220.0], "values": [0, 5.2, 10.1], "units": "nm"}""";
			Answer answer = fresh.client()
				.send("POST", Client.CHUNKS, BodyPublishers.ofString(documented), "Content-Type", "application/json",
						"X-API-KEY", "YOUR_API_KEY");
			assertThat(answer.status()).isEqualTo(201);
			assertThat(answer.text())
				.isEqualTo("{\"data_id\":\"d290f1ee-6c54-4b01-90e6-d701748f0851\",\"channel_name\":\"thickness\","
						+ "\"chunk_index\":0,\"total_points\":3}");
			assertThat(fresh.stored().rows()).containsEntry("chunk", 1L).containsEntry("stream", 1L);
		}
	}

	@ParameterizedTest
	@MethodSource("acceptedChunks")
	void chunkWithinTheRulesIsStored(ChunkJson chunk) {
		long before = this.service.stored().rows().get("chunk");
		Answer answer = this.client.postChunk(chunk.toString());
		assertThat(answer.status()).as(answer.text()).isEqualTo(201);
		assertThat(answer.header("Chunk-Outcome")).isEqualTo("created");
		assertThat(this.service.stored().rows()).containsEntry("chunk", before + 1);
	}

	static Stream<Arguments> acceptedChunks() {
		return Stream.of(
				accepted("upper-case data_id", "data_id", "\"" + UUID.randomUUID().toString().toUpperCase() + "\""),
				accepted("chunk_index 2147483647", "chunk_index", "2147483647"),
				accepted("chunk_index 3.0", "chunk_index", "3.0"), accepted("chunk_index 1e2", "chunk_index", "1e2"),
				accepted("chunk_index -0", "chunk_index", "-0"),
				accepted("chunk_index 300e-2", "chunk_index", "300e-2"),
				accepted("name of 1 character", "channel_name", "\"x\""),
				accepted("name of 255 characters", "channel_name", quoted("x".repeat(255))),
				accepted("name of 255 astral characters", "channel_name", quoted(ASTRAL.repeat(255))),
				accepted("escaped astral character", "channel_name", "\"\\ud83d\\udd2c\""),
				accepted("name with path characters", "channel_name", quoted("a/b\\c%2F;d?e#f")),
				accepted("name with quotes", "channel_name", quoted("it's \"here\" `too` $$ -- '; DROP")),
				accepted("name with spaces at its ends", "channel_name", quoted(" a b ")),
				accepted("name in Greek", "channel_name", quoted("θ_µm")),
				accepted("name with U+00A0, after C1", "channel_name", quoted("\u00a0")),
				accepted("name with ~, before DEL", "channel_name", quoted("~")),
				accepted("units of 255 characters", "units", quoted(ASTRAL.repeat(255))),
				accepted("empty units", "units", "\"\""), accepted("units null", "units", "null"),
				accepted("unknown fields", "calibration", "{\"a\": [1, {\"b\": null}], \"c\": \"x\"}"),
				accepted("unknown field NaN", "calibration", "NaN"),
				accepted("timestamps at the last second", "timestamps", "[9223372036, -9223372036, 9223372036.0]"),
				accepted("timestamps unsorted and equal", "timestamps", "[3, 1, 1]"),
				accepted("timestamps with exponents", "timestamps", "[1.7e9, 1E0, 1e-3]"),
				accepted("missing values", "values", "[null, NaN, 1]"),
				accepted("all values missing", "values", "[null, null, null]"),
				accepted("extreme values", "values", "[1.7976931348623157e308, 4.9e-324, -0.0]"),
				accepted("integers beyond a long", "values",
						"[123456789012345678901234567890, 1, -9223372036854775809]"));
	}

	@ParameterizedTest
	@MethodSource("refusedChunks")
	void chunkBeyondTheRulesIsRefusedWithItsPlace(ChunkJson chunk, ErrorCode code, List<String> pointers) {
		DatabaseImage before = this.service.stored();
		Answer answer = this.client.postChunk(chunk.toString());
		answer.assertNotStored(code);
		assertThat(answer.faults()).isEqualTo(pointers);
		assertThat(this.service.stored()).isEqualTo(before);
	}

	static Stream<Arguments> refusedChunks() {
		String base64 = "0pDx7mxUSwGQ5tcBdI8IUQ==";
		String wide = UUID.randomUUID().toString();
		return Stream.of(refused("data_id", "missing", null), refused("data_id", "null", "null"),
				refused("data_id", "base64", quoted(base64)), refused("data_id", "number", "5"),
				refused("data_id", "empty", "\"\""),
				refused("data_id", "without hyphens", quoted(wide.replace("-", ""))),
				refused("data_id", "short groups", "\"1-1-1-1-1\""),
				refused("data_id", "braces", quoted("{" + wide + "}")),
				refused("data_id", "urn", quoted("urn:uuid:" + wide)), refused("data_id", "spaces", quoted(wide + " ")),
				refused("data_id", "full-width digits", quoted(wide.substring(0, 35) + "\uff11")),
				refused("data_id", "object", "{}"), refused("data_id", "array", "[" + quoted(wide) + "]"),
				refused("chunk_index", "missing", null), refused("chunk_index", "null", "null"),
				refused("chunk_index", "2147483648", "2147483648"), refused("chunk_index", "-1", "-1"),
				refused("chunk_index", "3.5", "3.5"), refused("chunk_index", "almost 3", "3.00000000000000000001"),
				refused("chunk_index", "almost the last", "2147483647.0000000001"),
				refused("chunk_index", "text", "\"3\""), refused("chunk_index", "true", "true"),
				refused("chunk_index", "NaN", "NaN"), refused("chunk_index", "Infinity", "Infinity"),
				refused("chunk_index", "1e10", "1e10"), refused("chunk_index", "1e999", "1e999"),
				refused("chunk_index", "1e-999999999", "1e-999999999"),
				refused("chunk_index", "1e999999999", "1e999999999"), refused("chunk_index", "array", "[3]"),
				refused("chunk_index", "a long", "9223372036854775808"), refused("channel_name", "missing", null),
				refused("channel_name", "null", "null"), refused("channel_name", "empty", "\"\""),
				refused("channel_name", "256 characters", quoted("x".repeat(256))),
				refused("channel_name", "256 astral characters", quoted(ASTRAL.repeat(256))),
				refused("channel_name", "a million characters", quoted("x".repeat(1_000_000))),
				refused("channel_name", "odd astral cut", quoted("x" + ASTRAL.repeat(300))),
				refused("channel_name", "number", "5"), refused("channel_name", "boolean", "true"),
				refused("channel_name", "array", "[\"a\"]"), refused("channel_name", "tab", "\"a\\tb\""),
				refused("channel_name", "line end", "\"a\\nb\""), refused("channel_name", "NUL", "\"a\\u0000b\""),
				refused("channel_name", "DEL", "\"a\\u007fb\""), refused("channel_name", "C1 first", "\"\\u0080\""),
				refused("channel_name", "C1 last", "\"\\u009f\""), refused("channel_name", "last C0", "\"\\u001f\""),
				refused("channel_name", "high surrogate", "\"\\ud800\""),
				refused("channel_name", "low surrogate", "\"a\\udc00b\""),
				refused("channel_name", "swapped surrogates", "\"\\udd2c\\ud83d\""),
				refused("units", "256 characters", quoted("x".repeat(256))), refused("units", "number", "5"),
				refused("units", "array", "[]"), refused("units", "NUL", "\"\\u0000\""),
				refused("units", "surrogate", "\"\\ud800\""), refused("timestamps", "missing", null),
				refused("timestamps", "null", "null"), refused("timestamps", "number", "5"),
				refused("timestamps", "text", "\"1,2,3\""), refused("timestamps", "object", "{\"0\": 1}"),
				refused("values", "missing", null), refused("values", "null", "null"), refused("values", "number", "5"),
				refused("values", "longer", "[1, 2, 3, 4]"), refused("values", "shorter", "[1, 2]"),
				refused("values", "empty", "[]"), refusedAt("/values/1", "values", "Infinity", "[1, Infinity, 3]"),
				refusedAt("/values/0", "values", "-Infinity", "[-Infinity, 2, 3]"),
				refusedAt("/values/2", "values", "1e999", "[1, 2, 1e999]"),
				refusedAt("/values/2", "values", "-1e999", "[1, 2, -1e999]"),
				refusedAt("/values/2", "values", "text", "[1, 2, \"3\"]"),
				refusedAt("/values/2", "values", "text NaN", "[1, 2, \"NaN\"]"),
				refusedAt("/values/2", "values", "boolean", "[1, 2, false]"),
				refusedAt("/values/2", "values", "nested", "[1, 2, [3]]"),
				refusedAt("/values/2", "values", "object", "[1, 2, {\"v\": 3}]"),
				refusedAt("/timestamps/0", "timestamps", "NaN", "[NaN, 2, 3]"),
				refusedAt("/timestamps/1", "timestamps", "Infinity", "[1, Infinity, 3]"),
				refusedAt("/timestamps/2", "timestamps", "null element", "[1, 2, null]"),
				refusedAt("/timestamps/2", "timestamps", "1e999", "[1, 2, 1e999]"),
				refusedAt("/timestamps/2", "timestamps", "text element", "[1, 2, \"3\"]"),
				refusedAt("/timestamps/2", "timestamps", "nested", "[1, 2, [[3]]]"),
				argumentSet("timestamps: empty, values too", new ChunkJson().withPoints(0), ErrorCode.INVALID_REQUEST,
						List.of("/timestamps")),
				outOfRange("just beyond", "9223372036.000002"),
				outOfRange("just beyond, negative", "-9223372036.000002"), outOfRange("a second beyond", "9223372037"),
				outOfRange("1e300", "1e300"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "1705312200000,milliseconds", "1705312200000000,microseconds",
			"1705312200000000000,nanoseconds" })
	void timestampInAnotherUnitIsRefusedWithAHint(String timestampAndHint) {
		String[] parts = timestampAndHint.split(",");
		Answer answer = this.client
			.postChunk(new ChunkJson().with("timestamps", "[1, 2, " + parts[0] + "]").toString());
		answer.assertNotStored(ErrorCode.TIMESTAMP_OUT_OF_RANGE);
		assertThat(answer.detail()).contains(parts[1]).contains("/timestamps/2");
	}

	@Test
	void timestampBeyondTheRangeBesideAnotherFaultIsAnInvalidRequest() {
		Answer answer = this.client
			.postChunk(new ChunkJson().with("timestamps", "[1, 2, 1e12]").with("values", "[1, 2, true]").toString());
		answer.assertNotStored(ErrorCode.INVALID_REQUEST);
		assertThat(answer.faults()).containsExactly("/timestamps/2", "/values/2");
	}

	@Test
	void refusalNamesStreamChannelAndChunk() {
		ChunkJson chunk = new ChunkJson().with("chunk_index", "17").with("values", "[1, true, 3]");
		Answer answer = this.client.postChunk(chunk.toString());
		answer.assertNotStored(ErrorCode.INVALID_REQUEST);
		assertThat(answer.detail()).contains(chunk.dataId).contains("thickness").contains("chunk_index 17");
		JsonNode fault = answer.json().get("errors").get(0);
		assertThat(fault.get("pointer").stringValue()).isEqualTo("/values/1");
		assertThat(fault.get("rejected").asString()).isEqualTo("true");
		assertThat(answer.json().get("instance").stringValue()).isEqualTo(Client.CHUNKS);
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 2, 19, 20, 21, 1000 })
	void upToTwentyFaultsAreListed(int count) {
		String faulty = IntStream.range(0, count).mapToObj((i) -> "true").toList().toString();
		Answer answer = this.client
			.postChunk(new ChunkJson().with("timestamps", ChunkJson.zeros(count)).with("values", faulty).toString());
		answer.assertNotStored(ErrorCode.INVALID_REQUEST);
		assertThat(answer.faults())
			.isEqualTo(IntStream.range(0, Math.min(20, count)).mapToObj((i) -> "/values/" + i).toList());
	}

	@Test
	void faultsOfSeveralFieldsAreListedTogether() {
		Answer answer = this.client
			.postChunk("{\"chunk_index\": -1, \"units\": 5, \"timestamps\": [], \"values\": [1]}");
		answer.assertNotStored(ErrorCode.INVALID_REQUEST);
		assertThat(answer.faults()).containsExactlyInAnyOrder("/data_id", "/chunk_index", "/channel_name", "/units",
				"/timestamps", "/values");
	}

	@ParameterizedTest
	@ValueSource(strings = { "\"chunk_index\": 0", "\"data_id\": null", "\"values\": [0, 5.2, 10.1]",
			"\"x\": 1, \"x\": 1", "\"x\": {\"y\": 1, \"y\": 2}", "\"channel\\u005fname\": \"a\"" })
	void duplicatedKeyIsRefused(String added) {
		DatabaseImage before = this.service.stored();
		String json = new ChunkJson().toString();
		Answer answer = this.client.postChunk(json.substring(0, json.length() - 1) + ", " + added + "}");
		answer.assertNotStored(ErrorCode.MALFORMED_JSON);
		assertThat(this.service.stored()).isEqualTo(before);
	}

	@ParameterizedTest
	@ValueSource(strings = { "{}", "5", "null", "}", "]", ",", "x", "\u0001", "// end", "/* */", "\"" })
	void anythingAfterTheJsonIsRefused(String added) {
		DatabaseImage before = this.service.stored();
		Answer answer = this.client.postChunk(new ChunkJson() + " " + added);
		answer.assertNotStored(ErrorCode.MALFORMED_JSON);
		assertThat(this.service.stored()).isEqualTo(before);
	}

	@Test
	void whitespaceAroundTheJsonIsAccepted() {
		assertThat(this.client.postChunk("\r\n\t " + new ChunkJson() + " \t\r\n").status()).isEqualTo(201);
	}

	@Test
	void resendIsUnchangedAndAReplacementIsReplaced() {
		ChunkJson chunk = new ChunkJson().with("units", "\"nm\"");
		Answer first = this.client.postChunk(chunk.toString());
		DatabaseImage stored = this.service.stored();
		Answer resent = this.client.postChunk(chunk.without("units").toString());
		assertThat(resent.header("Chunk-Outcome")).isEqualTo("unchanged");
		assertThat(resent.header("Chunk-Hash")).isEqualTo(first.header("Chunk-Hash"));
		assertThat(resent.text()).isEqualTo(first.text());
		assertThat(this.service.stored()).isEqualTo(stored);
		Answer replaced = this.client.postChunk(chunk.withPoints(5).toString());
		assertThat(replaced.status()).isEqualTo(201);
		assertThat(replaced.header("Chunk-Outcome")).isEqualTo("replaced");
		assertThat(replaced.json().get("total_points").intValue()).isEqualTo(5);
	}

	@Test
	void hashIsThatOfTheBigEndianDoubles() throws NoSuchAlgorithmException {
		Answer answer = this.client
			.postChunk(new ChunkJson().with("timestamps", "[1.5, 2]").with("values", "[-0.0, NaN]").toString());
		ByteBuffer doubles = ByteBuffer.allocate(32).putDouble(1.5).putDouble(2).putDouble(-0.0);
		doubles.putLong(0x7ff8000000000000L);
		assertThat(answer.header("Chunk-Hash"))
			.isEqualTo(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(doubles.array())));
	}

	@Test
	void upperCaseIdIsTheSameStream() {
		ChunkJson chunk = new ChunkJson();
		this.client.postChunk(chunk.toString());
		Answer resent = this.client.postChunk(chunk.withString("data_id", chunk.dataId.toUpperCase()).toString());
		assertThat(resent.header("Chunk-Outcome")).isEqualTo("unchanged");
		assertThat(resent.json().get("data_id").stringValue()).isEqualTo(chunk.dataId);
	}

	@Test
	void otherUnitsAreAConflict() {
		ChunkJson chunk = new ChunkJson().with("units", "\"nm\"");
		this.client.postChunk(chunk.toString());
		DatabaseImage before = this.service.stored();
		Answer answer = this.client.postChunk(chunk.with("chunk_index", "1").with("units", "\"um\"").toString());
		answer.assertNotStored(ErrorCode.UNITS_MISMATCH);
		assertThat(answer.detail()).contains("nm").contains("um").contains(chunk.dataId).contains("chunk_index 1");
		assertThat(answer.faults()).containsExactly("/units");
		assertThat(this.service.stored()).isEqualTo(before);
	}

	@Test
	void unitsAreKeptWhereConfiguredSo() {
		try (RunningService keeping = RunningService.start("metrology.ingest.units-mismatch=keep")) {
			Client client = keeping.client();
			ChunkJson chunk = new ChunkJson().with("units", "\"nm\"");
			client.postChunk(chunk.toString());
			Answer answer = client.postChunk(chunk.with("chunk_index", "1").with("units", "\"um\"").toString());
			assertThat(answer.status()).isEqualTo(201);
			assertThat(answer.json().get("total_points").intValue()).isEqualTo(6);
			JsonNode series = client.get("/metrology/" + chunk.dataId + "/timeseries/").json();
			assertThat(series.at("/property_units/thickness").stringValue()).isEqualTo("nm");
		}
	}

	@Test
	void unknownStreamIsRefusedWhereConfiguredSo() {
		try (RunningService rejecting = RunningService.start("metrology.streams.unknown=reject")) {
			Client client = rejecting.client();
			DatabaseImage before = rejecting.stored();
			ChunkJson chunk = new ChunkJson();
			Answer refused = client.postChunk(chunk.toString());
			refused.assertNotStored(ErrorCode.STREAM_UNKNOWN);
			assertThat(refused.detail()).contains(chunk.dataId);
			assertThat(rejecting.stored()).isEqualTo(before);
			Answer made = client.post("/tool-state/stream/initialize", "{\"points_per_chunk\": 3}");
			chunk.withString("data_id", made.json().get("data_id").stringValue());
			assertThat(client.postChunk(chunk.toString()).status()).isEqualTo(201);
		}
	}

	@Test
	void validatingWritesNothingAndTellsTheTotal() {
		ChunkJson chunk = new ChunkJson();
		DatabaseImage empty = this.service.stored();
		Answer first = this.client.post(Client.CHUNKS + "?validate_only=true", chunk.toString());
		assertThat(first.status()).isEqualTo(200);
		assertThat(first.text()).isEqualTo("{\"data_id\":\"" + chunk.dataId
				+ "\",\"channel_name\":\"thickness\",\"chunk_index\":0,\"total_points\":3}");
		assertThat(this.service.stored()).isEqualTo(empty);
		this.client.postChunk(chunk.toString());
		DatabaseImage stored = this.service.stored();
		Answer next = this.client.post(Client.CHUNKS + "?validate_only=true",
				chunk.with("chunk_index", "1").toString());
		assertThat(next.json().get("total_points").intValue()).isEqualTo(6);
		assertThat(this.service.stored()).isEqualTo(stored);
	}

	@Test
	void validatingFindsTheSameFaults() {
		Answer answer = this.client.post(Client.CHUNKS + "?validate_only=true",
				new ChunkJson().with("values", "[1, 2]").toString());
		answer.assertNotStored(ErrorCode.INVALID_REQUEST);
		assertThat(answer.faults()).containsExactly("/values");
	}

	@ParameterizedTest
	@ValueSource(strings = { "banana", "", "1", "true&validate_only=false" })
	void validateOnlyThatIsNoBooleanIsRefusedAndNothingIsStored(String value) {
		DatabaseImage before = this.service.stored();
		Answer answer = this.client.post(Client.CHUNKS + "?validate_only=" + value, new ChunkJson().toString());
		answer.assertNotStored(ErrorCode.INVALID_REQUEST);
		assertThat(answer.faults()).containsExactly("validate_only");
		assertThat(this.service.stored()).isEqualTo(before);
	}

	@Test
	void limitOfPointsIsStoredAndOneMoreIsNot() {
		assertThat(this.client.postChunk(new ChunkJson().withPoints(100_000).toString())
			.json()
			.get("total_points")
			.intValue()).isEqualTo(100_000);
		DatabaseImage before = this.service.stored();
		ChunkJson tooLong = new ChunkJson().withPoints(100_001);
		Answer answer = this.client.postChunk(tooLong.toString());
		answer.assertNotStored(ErrorCode.TOO_MANY_POINTS);
		assertThat(answer.detail()).contains("100000").contains("100001").contains("split").contains(tooLong.dataId);
		assertThat(this.service.stored()).isEqualTo(before);
	}

	@Test
	void seriesIsReadWithAndWithoutTrailingSlashUnderBothPrefixes() {
		ChunkJson chunk = new ChunkJson().with("values", "[1, null, 3]");
		this.client.postChunk(chunk.toString());
		List<String> paths = Stream.of("/metrology/", "/tool-state/")
			.flatMap((prefix) -> Stream.of("/timeseries", "/timeseries/").map((end) -> prefix + chunk.dataId + end))
			.toList();
		List<String> answers = paths.stream().map((path) -> this.client.get(path).text()).distinct().toList();
		assertThat(answers).hasSize(1);
		assertThat(answers.get(0)).contains("\"values\":[1.0,null,3.0]")
			.contains("\"unix_timestamp_ms\":[1705312200000,1705312210000,1705312220000]");
	}

	@ParameterizedTest
	@ValueSource(strings = { "/metrology/stream/chunk", "/tool-state/stream/chunk", "/metrology/stream/chunk/",
			"/metrology/stream/initialize" })
	void wordIsNeverTakenForAnId(String path) {
		Answer answer = this.client.get(path);
		answer.assertProblem(ErrorCode.METHOD_NOT_ALLOWED);
		assertThat(answer.header("Allow")).isEqualTo("POST");
	}

	@Test
	void newNameIsReadBackToTheLetter() throws IOException {
		String name = "a/b\\c%\"d' " + ASTRAL;
		ChunkJson chunk = new ChunkJson().withString("channel_name", name);
		assertThat(this.client.postChunk(chunk.toString()).json().get("channel_name").stringValue()).isEqualTo(name);
		JsonNode series = this.client.get("/metrology/" + chunk.dataId + "/timeseries").json();
		assertThat(series.get("available_property_names").get(0).stringValue()).isEqualTo(name);
	}

	private static Arguments accepted(String name, String field, String json) {
		return argumentSet(name, new ChunkJson().with(field, json));
	}

	private static Arguments refused(String field, String name, String json) {
		return refusedAt("/" + field, field, name, json);
	}

	private static Arguments refusedAt(String pointer, String field, String name, String json) {
		ChunkJson chunk = (json != null) ? new ChunkJson().with(field, json) : new ChunkJson().without(field);
		return argumentSet(field + ": " + name, chunk, ErrorCode.INVALID_REQUEST, List.of(pointer));
	}

	private static Arguments outOfRange(String name, String timestamp) {
		return argumentSet("timestamps: " + name, new ChunkJson().with("timestamps", "[1, " + timestamp + ", 3]"),
				ErrorCode.TIMESTAMP_OUT_OF_RANGE, List.of("/timestamps/1"));
	}

	private static String quoted(String text) {
		return ChunkJson.quoted(text);
	}

}
