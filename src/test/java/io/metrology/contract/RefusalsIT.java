package io.metrology.contract;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.StreamSupport;
import java.util.zip.GZIPOutputStream;

import ch.qos.logback.classic.spi.ILoggingEvent;
import io.metrology.StoredRows;
import io.metrology.http.ErrorCode;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

import static org.assertj.core.api.Assertions.assertThat;

/** A refused chunk is recorded, and can be mended and resent. */
class RefusalsIT {

	private static final String MULTI = Client.CHUNKS + "/multi";

	private final RunningService service = Shared.SERVICE;

	private final Client client = this.service.client();

	private StoredRows rows;

	@AfterAll
	static void stop() {
		Shared.SERVICE.close();
	}

	@BeforeEach
	void connect() throws SQLException {
		this.rows = new StoredRows(this.service.database());
	}

	@AfterEach
	void disconnect() throws SQLException {
		this.rows.close();
	}

	@Test
	void chunkRefusedForItsUnitsIsStoredOnceTheUnitsOfTheChannelAreCorrected() {
		ChunkJson chunk = new ChunkJson();
		this.client.postChunk(chunk.with("units", "\"nm\"").toString());
		String later = chunk.with("units", "\"um\"").with("chunk_index", "1").toString();
		String id = refused(this.client.postChunk(later), ErrorCode.UNITS_MISMATCH);
		resend(id).assertNotStored(ErrorCode.UNITS_MISMATCH);

		send("PATCH", "/metrology/stream/" + chunk.dataId + "/channels?channel=thickness", "{\"units\": \"um\"}",
				"application/json");
		Answer stored = resend(id);

		assertThat(stored.status()).as(stored.text()).isEqualTo(201);
		assertThat(stored.header("Chunk-Outcome")).isEqualTo("created");
		assertThat(stored.header("Chunk-Hash")).hasSize(64);
		assertThat(stored.json().required("total_points").intValue()).isEqualTo(6);
		assertRemoved(id);
	}

	@Test
	void chunkRefusedForItsUnitsIsStoredOnceAMergePatchCorrectsThem() {
		ChunkJson chunk = new ChunkJson();
		this.client.postChunk(chunk.with("units", "\"C\"").toString());
		String id = refused(this.client.postChunk(chunk.with("units", "\"degC\"")
			.with("chunk_index", "1")
			.with("values", "[1.10, -0.0, 5e-324]")
			.toString()), ErrorCode.UNITS_MISMATCH);

		Answer stored = send("POST", "/metrology/refusals/" + id + "/resend", "{\"units\": \"C\"}",
				"application/merge-patch+json");

		assertThat(stored.status()).as(stored.text()).isEqualTo(201);
		assertThat(this.client.get("/metrology/stream/" + chunk.dataId + "/points?channel=thickness").text())
			.contains("1.1,-0.0,4.9E-324]");
		assertRemoved(id);
	}

	@Test
	void malformedChunkIsReplacedByABodyOfTypeJson() {
		ChunkJson chunk = new ChunkJson();
		String malformed = chunk.toString().replace("[0, 5.2, 10.1]", "[0, 5,2, 10.1");
		String id = refused(this.client.postChunk(malformed), ErrorCode.MALFORMED_JSON);
		assertThat(show(id).required("chunk_index").intValue()).isZero();
		assertThat(show(id).required("data_id").stringValue()).isEqualTo(chunk.dataId);
		resend(id).assertNotStored(ErrorCode.MALFORMED_JSON);
		resend(id, "{}", "application/merge-patch+json").assertNotStored(ErrorCode.MALFORMED_JSON);

		Answer stored = resend(id, chunk.toString(), "application/json");

		assertThat(stored.status()).as(stored.text()).isEqualTo(201);
		assertRemoved(id);
	}

	@Test
	void chunkRefusedByAFinalizedStreamIsStoredByAResendAndTheStreamStaysFinalized() throws SQLException {
		ChunkJson chunk = new ChunkJson();
		this.client.postChunk(chunk.toString());
		finish(chunk.dataId, 3);
		String known = refused(this.client.postChunk(chunk.with("chunk_index", "1").toString()),
				ErrorCode.STREAM_FINALIZED);
		String fresh = refused(
				this.client.postChunk(chunk.withString("channel_name", "new").with("chunk_index", "2").toString()),
				ErrorCode.STREAM_FINALIZED);
		this.rows.execute("UPDATE refusal SET last_received_at = last_received_at - interval '1 day' "
				+ "WHERE data_id = '" + chunk.dataId + "'");

		try (ServiceLog log = ServiceLog.open()) {
			assertThat(resend(known).status()).isEqualTo(201);
			assertThat(resend(fresh).status()).isEqualTo(201);

			assertThat(log.lines().stream().map(ILoggingEvent::getFormattedMessage))
				.anyMatch((line) -> line.startsWith("Stored resent chunk (data_id " + chunk.dataId
						+ ", channel thickness, chunk_index 1) in a finalized stream, sent with "));
		}

		JsonNode stream = describe(chunk.dataId);
		assertThat(stream.required("status").stringValue()).isEqualTo("success");
		assertThat(stream.required("total_points").intValue()).isEqualTo(9);
		assertThat(stream.required("channels").get(0).required("missing_chunks").intValue()).isEqualTo(2);
		assertThat(stream.required("refused").required("count").intValue()).isEqualTo(2);
		assertThat(stream.required("refused").required("records").intValue()).isZero();
		// Nothing of the resend makes the stream look open, in this instance or another.
		for (String channel : List.of("thickness", "new")) {
			this.client.postChunk(chunk.withString("channel_name", channel).with("chunk_index", "7").toString())
				.assertNotStored(ErrorCode.STREAM_FINALIZED);
		}
	}

	@Test
	void contentThatWasStoredAfterTheRefusalIsOnlyReplacedOnRequest() {
		ChunkJson chunk = new ChunkJson();
		this.client.postChunk(chunk.with("units", "\"nm\"").toString());
		String id = refused(this.client.postChunk(chunk.with("units", "\"um\"").with("chunk_index", "1").toString()),
				ErrorCode.UNITS_MISMATCH);
		this.client.postChunk(chunk.with("units", "\"nm\"").with("values", "[7, 8, 9]").toString());
		String patch = "{\"units\": null}";

		Answer newer = resend(id, patch, "application/merge-patch+json");
		newer.assertNotStored(ErrorCode.CHUNK_NEWER);
		assertThat(newer.detail()).contains("replace=true", chunk.dataId, "thickness", "chunk_index 1");
		assertThat(show(id).required("count").intValue()).isEqualTo(1);

		Answer replaced = send("POST", "/metrology/refusals/" + id + "/resend?replace=true", patch,
				"application/merge-patch+json");
		assertThat(replaced.header("Chunk-Outcome")).isEqualTo("replaced");
		assertRemoved(id);
	}

	@Test
	void contentThatWasStoredBeforeTheRefusalIsReplaced() {
		ChunkJson chunk = new ChunkJson();
		this.client.postChunk(chunk.with("units", "\"nm\"").toString());
		String id = refused(this.client.postChunk(chunk.with("units", "\"um\"").with("values", "[7, 8, 9]").toString()),
				ErrorCode.UNITS_MISMATCH);

		Answer replaced = resend(id, "{\"units\": \"nm\"}", "application/merge-patch+json");

		assertThat(replaced.header("Chunk-Outcome")).as(replaced.text()).isEqualTo("replaced");
	}

	@Test
	void sameRequestAgainIsCountedUnderTheSameId() throws Exception {
		ChunkJson chunk = new ChunkJson().with("values", "[1]");
		String id = refused(this.client.postChunk(chunk.toString()), ErrorCode.INVALID_REQUEST);
		for (int i = 0; i < 5; i++) {
			assertThat(refused(this.client.postChunk(chunk.toString()), ErrorCode.INVALID_REQUEST)).isEqualTo(id);
		}
		Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> show(id).required("count").intValue() == 6);
		Thread.sleep(2000);
		assertThat(
				refused(this.client.send("POST", "/tool-state/stream/chunk/", BodyPublishers.ofString(chunk.toString()),
						"Content-Type", "application/json", "X-Request-Id", "last"), ErrorCode.INVALID_REQUEST))
			.isEqualTo(id);

		JsonNode record = show(id);
		assertThat(record.required("count").intValue()).isEqualTo(7);
		assertThat(record.required("request_id").stringValue()).isEqualTo("last");
		assertThat(record.required("last_received_at").stringValue())
			.isGreaterThan(record.required("first_received_at").stringValue());
		Awaitility.await()
			.atMost(Duration.ofSeconds(30))
			.until(() -> describeRefusedCount(chunk.dataId), (count) -> count.equals("7"));
		byte[] hash = MessageDigest.getInstance("SHA-256").digest(("chunk\0" + chunk).getBytes(StandardCharsets.UTF_8));
		assertThat(UUID.fromString(id).getMostSignificantBits() >>> 16)
			.isEqualTo(ByteBuffer.wrap(hash).getLong() >>> 16);
	}

	@Test
	void sameBodyForOneChannelAndForSeveralHasTwoRecords() {
		String body = "{\"data_id\": \"" + UUID.randomUUID() + "\"}";

		assertThat(refused(this.client.postChunk(body), ErrorCode.INVALID_REQUEST))
			.isNotEqualTo(refused(this.client.post(MULTI, body), ErrorCode.INVALID_REQUEST));
	}

	@Test
	void compressedBodyIsRecordedDecompressed() throws IOException {
		String json = new ChunkJson().with("values", "[1]").toString();
		Answer answer = this.client.send("POST", Client.CHUNKS, BodyPublishers.ofByteArray(gzip(json)), "Content-Type",
				"application/json", "Content-Encoding", "gzip");
		String id = refused(answer, ErrorCode.INVALID_REQUEST);

		assertThat(show(id).required("content_encoding").isNull()).isTrue();
		assertThat(download(id).text()).isEqualTo(json);
		assertThat(refused(this.client.postChunk(json), ErrorCode.INVALID_REQUEST)).isEqualTo(id);
	}

	@Test
	void bodyThatCannotBeDecompressedIsRecordedAsSent() throws IOException {
		ChunkJson chunk = new ChunkJson();
		byte[] broken = gzip(chunk.toString());
		broken[broken.length - 6] ^= 1;
		String id = refused(this.client.send("POST", Client.CHUNKS, BodyPublishers.ofByteArray(broken), "Content-Type",
				"application/json", "Content-Encoding", "gzip"), ErrorCode.INVALID_REQUEST);

		assertThat(show(id).required("content_encoding").stringValue()).isEqualTo("gzip");
		assertThat(download(id).body()).isEqualTo(broken);
		resend(id).assertNotStored(ErrorCode.INVALID_REQUEST);
		assertThat(resend(id, chunk.toString(), "application/json").status()).isEqualTo(201);
	}

	@Test
	void chunksOfSeveralChannelsAreStoredTogetherByAResend() {
		ChunkJson chunk = new ChunkJson();
		this.client.postChunk(chunk.with("units", "\"nm\"").toString());
		String id = refused(this.client.post(MULTI, """
				{"data_id": "%s", "chunk_index": 1, "channels": {
				 "thickness": {"timestamps": [1], "values": [1.10], "units": "um"},
				 "Druck/µ": {"timestamps": [1], "values": [NaN]}}}""".formatted(chunk.dataId)),
				ErrorCode.UNITS_MISMATCH);
		assertThat(show(id).required("channel_names").valueStream().map(JsonNode::stringValue))
			.containsExactly("thickness", "Druck/µ");

		Answer stored = resend(id, "{\"channels\": {\"thickness\": {\"units\": \"nm\"}}}",
				"application/merge-patch+json");

		assertThat(stored.status()).as(stored.text()).isEqualTo(201);
		assertThat(stored.json()).hasSize(2);
		assertThat(stored.header("Chunk-Outcome")).isNull();
		assertRemoved(id);
	}

	@Test
	void recordSaysWhatWasSentAndBodyIsOnlyDownloaded() {
		ChunkJson chunk = new ChunkJson().with("values", "[1]");
		Answer refusal = this.client.send("POST", Client.CHUNKS + "?validate_only=false",
				BodyPublishers.ofString(chunk.toString()), "Content-Type", "application/json; charset=UTF-8");
		String id = refused(refusal, ErrorCode.INVALID_REQUEST);

		JsonNode record = show(id);
		assertThat(record.required("code").stringValue()).isEqualTo("invalid_request");
		assertThat(record.required("detail").stringValue()).isEqualTo(refusal.detail());
		assertThat(record.required("request_id").stringValue()).isEqualTo(refusal.header("X-Request-Id"));
		assertThat(record.required("path").stringValue()).isEqualTo(Client.CHUNKS);
		assertThat(record.required("query").stringValue()).isEqualTo("validate_only=false");
		assertThat(record.required("content_type").stringValue()).isEqualTo("application/json; charset=UTF-8");
		assertThat(record.required("body_bytes").intValue()).isEqualTo(chunk.toString().length());
		Answer body = download(id);
		assertThat(body.header("Content-Type")).isEqualTo("application/octet-stream");
		assertThat(body.header("Content-Disposition")).startsWith("attachment");
		assertThat(body.text()).isEqualTo(chunk.toString());
	}

	@Test
	void longBodyIsDownloadedWhole() {
		String body = new ChunkJson().with("values", "[1]").paddedTo(1_000_003);
		String id = refused(this.client.postChunk(body), ErrorCode.INVALID_REQUEST);

		assertThat(download(id).text()).isEqualTo(body);
	}

	@Test
	void recordsAreListedByCursorAndByStreamAndCode() {
		ChunkJson chunk = new ChunkJson();
		List<String> ids = new ArrayList<>();
		for (int i = 0; i < 5; i++) {
			ids.add(0, refused(this.client.postChunk(chunk.with("values", "[" + i + "]").toString()),
					ErrorCode.INVALID_REQUEST));
		}
		ids.add(0, refused(this.client.postChunk(chunk.with("values", "[1, ").toString()), ErrorCode.MALFORMED_JSON));

		List<String> listed = new ArrayList<>();
		String path = "/metrology/refusals?limit=2&data_id=" + chunk.dataId;
		String cursor = "";
		while (cursor != null) {
			JsonNode page = this.client.get(path + (cursor.isEmpty() ? "" : "&cursor=" + cursor)).json();
			page.required("refusals").forEach((record) -> listed.add(record.required("id").stringValue()));
			cursor = page.required("next_cursor").stringValue(null);
		}
		assertThat(listed).isEqualTo(ids);
		assertThat(listed("data_id=" + chunk.dataId + "&code=malformed_json")).containsExactly(ids.get(0));
		assertThat(listed("data_id=" + UUID.randomUUID())).isEmpty();
		this.client.get("/metrology/refusals?code=no").assertProblem(ErrorCode.INVALID_REQUEST);
		this.client.get("/metrology/refusals?data_id=1").assertProblem(ErrorCode.INVALID_REQUEST);
		this.client.get("/metrology/refusals?cursor=x").assertProblem(ErrorCode.INVALID_REQUEST);
	}

	@Test
	void deletedRecordIsGoneAndTheSameRequestIsRecordedAgain() {
		ChunkJson chunk = new ChunkJson().with("values", "[1]");
		String id = refused(this.client.postChunk(chunk.toString()), ErrorCode.INVALID_REQUEST);

		assertThat(delete("/tool-state/refusals/" + id).status()).isEqualTo(204);

		assertRemoved(id);
		delete("/metrology/refusals/" + id).assertProblem(ErrorCode.NOT_FOUND);
		assertThat(refused(this.client.postChunk(chunk.toString()), ErrorCode.INVALID_REQUEST)).isEqualTo(id);
		assertThat(show(id).required("count").intValue()).isEqualTo(1);
	}

	@Test
	void descriptionSaysHowManyChunksWereRefused() {
		ChunkJson chunk = new ChunkJson();
		this.client.postChunk(chunk.toString());
		assertThat(describe(chunk.dataId).required("refused").toString())
			.isEqualTo("{\"count\":0,\"records\":0,\"latest\":null}");
		refused(this.client.postChunk(chunk.with("values", "[1]").toString()), ErrorCode.INVALID_REQUEST);
		String id = refused(this.client.postChunk(chunk.with("chunk_index", "9").toString()),
				ErrorCode.INVALID_REQUEST);

		JsonNode refused = describe(chunk.dataId).required("refused");

		assertThat(refused.required("count").intValue()).isEqualTo(2);
		assertThat(refused.required("records").intValue()).isEqualTo(2);
		JsonNode latest = refused.required("latest");
		assertThat(latest.required("id").stringValue()).isEqualTo(id);
		assertThat(latest.required("code").stringValue()).isEqualTo("invalid_request");
		assertThat(latest.required("channel_names").get(0).stringValue()).isEqualTo("thickness");
		assertThat(latest.required("chunk_index").intValue()).isEqualTo(9);
		delete("/metrology/refusals/" + id);
		assertThat(describe(chunk.dataId).required("refused").required("count").intValue()).isEqualTo(2);
	}

	@Test
	void recordsAreDeletedWithTheirStream() throws SQLException {
		ChunkJson chunk = new ChunkJson();
		this.client.postChunk(chunk.toString());
		String id = refused(this.client.postChunk(chunk.with("values", "[1]").toString()), ErrorCode.INVALID_REQUEST);

		delete("/metrology/stream/" + chunk.dataId);

		assertRemoved(id);
		assertThat(this.rows.text("SELECT count(*) FROM refusal_count WHERE data_id = '" + chunk.dataId + "'"))
			.isEqualTo("0");
		assertUnrecorded(this.client.postChunk(chunk.with("values", "[1, 2, 3]").toString()), 410);
		assertUnrecorded(this.client.postChunk(chunk.with("values", "[2]").toString()), 400);
	}

	@Test
	void dryRunsAndOtherRequestsAreNotRecorded() {
		String invalid = new ChunkJson().with("values", "[1]").toString();

		assertUnrecorded(this.client.post(Client.CHUNKS + "?validate_only=true", invalid), 400);
		assertUnrecorded(this.client.post(Client.CHUNKS + "?validate_only=TRUE", invalid), 400);
		assertUnrecorded(this.client.post("/metrology/stream/initialize", "{"), 400);
		assertUnrecorded(this.client.post("/metrology/stream/" + UUID.randomUUID() + "/finalize", "{"), 400);
		assertUnrecorded(this.client.send("PUT", Client.CHUNKS, BodyPublishers.ofString(invalid), "Content-Type",
				"application/json"), 405);
		assertUnrecorded(this.client.postChunk(new ChunkJson().toString()), 201);
	}

	@Test
	void crashBetweenTheStepsOfAResendIsHealedByASecondResend() throws Exception {
		ChunkJson chunk = new ChunkJson();
		this.client.postChunk(chunk.toString());
		finish(chunk.dataId, 3);
		String id = refused(this.client.postChunk(chunk.with("chunk_index", "1").toString()),
				ErrorCode.STREAM_FINALIZED);
		// The second step cannot be done, as after a crash.
		try (Connection other = this.service.database().connect(); Statement lock = other.createStatement()) {
			other.setAutoCommit(false);
			lock.execute("LOCK TABLE refusal IN SHARE MODE");
			assertThat(resend(id).status()).isEqualTo(201);
			assertThat(show(id).required("id").stringValue()).isEqualTo(id);
			other.rollback();
		}

		Answer second = resend(id);

		assertThat(second.status()).isEqualTo(201);
		assertThat(second.header("Chunk-Outcome")).isEqualTo("unchanged");
		assertRemoved(id);
	}

	@Test
	void refusalIsAnsweredWithinASecondOrSoIfItCannotBeRecorded() throws Exception {
		String invalid = new ChunkJson().with("values", "[1]").toString();
		try (Connection other = this.service.database().connect(); Statement lock = other.createStatement()) {
			other.setAutoCommit(false);
			lock.execute("LOCK TABLE refusal IN ACCESS EXCLUSIVE MODE");

			assertUnrecorded(this.client.postChunk(invalid), 400);
			assertThat(this.client.postChunk(new ChunkJson().toString()).status()).isEqualTo(201);

			other.rollback();
		}

		refused(this.client.postChunk(invalid), ErrorCode.INVALID_REQUEST);
	}

	@Test
	void resendOfNothingIsNotFoundAndOfAnotherTypeIsRefused() {
		resend(UUID.randomUUID().toString()).assertProblem(ErrorCode.NOT_FOUND);
		String id = refused(this.client.postChunk(new ChunkJson().with("values", "[1]").toString()),
				ErrorCode.INVALID_REQUEST);
		resend(id, "{}", "text/plain").assertNotStored(ErrorCode.UNSUPPORTED_MEDIA_TYPE);
		resend(id, "{", "application/merge-patch+json").assertNotStored(ErrorCode.MALFORMED_JSON);
		assertThat(show(id).required("count").intValue()).isEqualTo(1);
	}

	@ParameterizedTest
	@ValueSource(strings = { "text/plain", "application/json; charset=ISO-8859-1" })
	void chunkOfAnotherTypeIsRecorded(String type) {
		Answer refusal = send("POST", Client.CHUNKS, new ChunkJson().toString(), type);
		String id = refused(refusal, ErrorCode.UNSUPPORTED_MEDIA_TYPE);

		assertThat(show(id).required("content_type").stringValue()).isEqualTo(type);
		assertThat(resend(id).status()).isEqualTo(201);
	}

	private String refused(Answer answer, ErrorCode code) {
		answer.assertNotStored(code);
		assertThat(answer.header("Refusal-Id")).as(answer.text()).isNotNull();
		return answer.header("Refusal-Id");
	}

	private void assertUnrecorded(Answer answer, int status) {
		assertThat(answer.status()).as(answer.text()).isEqualTo(status);
		assertThat(answer.header("Refusal-Id")).isNull();
	}

	private void assertRemoved(String id) {
		this.client.get("/metrology/refusals/" + id).assertProblem(ErrorCode.NOT_FOUND);
	}

	private JsonNode show(String id) {
		Answer answer = this.client.get("/metrology/refusals/" + id);
		assertThat(answer.status()).as(answer.text()).isEqualTo(200);
		return answer.json();
	}

	private Answer download(String id) {
		return this.client.get("/metrology/refusals/" + id + "/body");
	}

	private List<String> listed(String query) {
		return StreamSupport
			.stream(this.client.get("/metrology/refusals?" + query).json().required("refusals").spliterator(), false)
			.map((record) -> record.required("id").stringValue())
			.toList();
	}

	private Answer resend(String id) {
		return this.client.send("POST", "/metrology/refusals/" + id + "/resend", BodyPublishers.noBody());
	}

	private Answer resend(String id, String body, String type) {
		return send("POST", "/metrology/refusals/" + id + "/resend", body, type);
	}

	private Answer send(String method, String path, String body, String type) {
		return this.client.send(method, path, BodyPublishers.ofString(body), "Content-Type", type);
	}

	private Answer delete(String path) {
		return this.client.send("DELETE", path, BodyPublishers.noBody());
	}

	private void finish(String dataId, int points) {
		assertThat(this.client.post("/metrology/stream/" + dataId + "/finalize", """
				{"channels": {"thickness": {"chunks": 1, "total_points": %d}}}""".formatted(points)).status())
			.isEqualTo(200);
	}

	private JsonNode describe(String dataId) {
		return this.client.get("/metrology/stream/" + dataId).json();
	}

	private String describeRefusedCount(String dataId) throws SQLException {
		return String.join("", this.rows.texts("SELECT count FROM refusal_count WHERE data_id = '" + dataId + "'"));
	}

	private static byte[] gzip(String text) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
			gzip.write(text.getBytes(StandardCharsets.UTF_8));
		}
		return bytes.toByteArray();
	}

	/** With a rate that no test exceeds. */
	private static final class Shared {

		static final RunningService SERVICE = RunningService.start("metrology.refusals.max-rate=1000");

	}

}
