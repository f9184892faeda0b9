package io.metrology.stream;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.UUID;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

import static org.assertj.core.api.Assertions.assertThat;

/** Streams are described as they stand, and listed newest first. */
class StreamsIT {

	private static TestDatabase database;

	private static TestService service;

	private final UUID dataId = UUID.randomUUID();

	@BeforeAll
	static void start() {
		database = TestPostgres.newDatabase();
		service = TestService.start(database, "metrology.finalize.quiet-period=50ms");
	}

	@AfterAll
	static void stop() {
		service.close();
	}

	@ParameterizedTest
	@ValueSource(strings = { "/metrology", "/tool-state" })
	void streamIsDescribedWithAllThatWasSaidOfIt(String prefix) {
		JsonNode ids = service.post(prefix + "/stream/initialize", """
				{"points_per_chunk": 3, "stream_name": "Lauf 7", "synth_source_id": 12,
				 "physical_sample_id": "d290f1ee-6c54-4b01-90e6-d701748f0851",
				 "project_id": "d290f1ee-6c54-4b01-90e6-d701748f0852"}""").json();
		String path = prefix + "/stream/" + ids.required("data_id").stringValue();

		JsonNode described = service.get(path).json();

		assertThat(described.propertyNames()).containsExactlyInAnyOrder("data_id", "processed_data_id", "stream_name",
				"status", "points_per_chunk", "synth_source_id", "physical_sample_id", "project_id", "created_at",
				"last_received_at", "finalized_at", "channel_count", "total_points", "refused", "channels");
		assertThat(described.required("processed_data_id")).isEqualTo(ids.required("processed_data_id"));
		assertThat(described.toString()).contains("\"stream_name\":\"Lauf 7\"", "\"status\":\"stream_active\"",
				"\"points_per_chunk\":3", "\"synth_source_id\":12",
				"\"physical_sample_id\":\"d290f1ee-6c54-4b01-90e6-d701748f0851\"",
				"\"project_id\":\"d290f1ee-6c54-4b01-90e6-d701748f0852\"", "\"last_received_at\":null",
				"\"finalized_at\":null", "\"channel_count\":0", "\"total_points\":0", "\"channels\":[]");
		assertThat(described.required("created_at").stringValue()).endsWith("Z");
		assertThat(service.get(path + "/").json()).isEqualTo(described);
	}

	@Test
	void channelIsDescribedWithItsLatestPointAndWhatIsMissing() {
		service.postChunk(Chunks.of(this.dataId, "b", 4, List.of(20.0, 30.0, 10.5), List.of(2.0, 3.0, 1.0), "nm"));
		service.postChunk(Chunks.of(this.dataId, "b", 2, List.of(5.0, 30.0), List.of(0.5, 7.0), null));
		service.postChunk(Chunks.of(this.dataId, "a", 0, List.of(1.0, 2.0, 2.0), List.of(1.0, 5.0, Double.NaN), null));

		JsonNode described = describe();

		assertThat(described.required("channel_count").intValue()).isEqualTo(2);
		assertThat(described.required("total_points").intValue()).isEqualTo(8);
		assertThat(described.required("last_received_at").isNull()).isFalse();
		JsonNode a = described.required("channels").get(0);
		assertThat(a.required("channel_name").stringValue()).isEqualTo("a");
		assertThat(a.required("units").isNull()).isTrue();
		assertThat(a.required("missing_chunks").intValue()).isZero();
		assertThat(a.required("latest_point").required("timestamp").doubleValue()).isEqualTo(2.0);
		assertThat(a.required("latest_point").required("value").isNull()).isTrue();
		JsonNode b = described.required("channels").get(1);
		assertThat(b.propertyNames()).containsExactlyInAnyOrder("channel_name", "units", "total_points", "chunk_count",
				"highest_chunk_index", "missing_chunks", "earliest_time", "latest_time", "latest_point",
				"last_received_at");
		assertThat(b.toString())
			.contains("\"channel_name\":\"b\",\"units\":\"nm\",\"total_points\":5,\"chunk_count\":2,"
					+ "\"highest_chunk_index\":4,\"missing_chunks\":3,\"earliest_time\":5.0,\"latest_time\":30.0,"
					+ "\"latest_point\":{\"timestamp\":30.0,\"value\":3.0}");
	}

	@Test
	void twoBillionChunksMayBeMissing() {
		service.postChunk(Chunks.ofPoints(this.dataId, "a", Integer.MAX_VALUE, 3));

		JsonNode channel = describe().required("channels").get(0);

		assertThat(channel.required("missing_chunks").longValue()).isEqualTo(2147483647L);
	}

	@Test
	void latestPointFollowsAReplacement() {
		service.postChunk(Chunks.of(this.dataId, "a", 0, List.of(1.0), List.of(1.5), null));
		service.postChunk(Chunks.of(this.dataId, "a", 1, List.of(9.0), List.of(9.5), null));

		service.postChunk(Chunks.of(this.dataId, "a", 1, List.of(0.5), List.of(0.25), null));

		assertThat(describe().toString()).contains("\"latest_point\":{\"timestamp\":1.0,\"value\":1.5}");
	}

	@Test
	void statusFollowsTheStream() {
		try (TestService impatient = TestService.start(database, "metrology.stream.idle-after=2s")) {
			impatient.postChunk(Chunks.ofPoints(this.dataId, "a", 0, 3));
			awaitStatus(impatient, "stream_interrupted");

			impatient.postChunk(Chunks.ofPoints(this.dataId, "a", 1, 3));

			awaitStatus(service, "stream_active");
			awaitStatus(impatient, "stream_interrupted");
		}
		service.post("/metrology/stream/" + this.dataId + "/finalize");
		JsonNode described = describe();
		assertThat(described.required("status").stringValue()).isEqualTo("success");
		assertThat(described.required("finalized_at").isNull()).isFalse();
	}

	@Test
	void streamThatWasNeverMadeIsUnknown() {
		Answer answer = service.get("/metrology/stream/" + this.dataId);

		assertThat(answer.status()).isEqualTo(404);
		assertThat(answer.code()).isEqualTo("stream_unknown");
	}

	@Test
	void pagesHoldEveryOldStreamOnceThoughNewOnesAreMade() {
		List<String> made = new ArrayList<>();
		for (int i = 0; i < 7; i++) {
			made.add(initialize());
		}
		Collections.reverse(made);
		List<String> listed = new ArrayList<>();
		JsonNode page = service.get("/metrology/streams?limit=2").json();
		listed.addAll(ids(page));

		while (listed.size() < 7) {
			initialize();
			page = service.get("/tool-state/streams/?limit=2&cursor=" + page.required("next_cursor").stringValue())
				.json();
			listed.addAll(ids(page));
		}

		assertThat(listed.subList(0, 7)).isEqualTo(made);
		assertThat(page.required("streams").get(0).propertyNames()).contains("data_id", "status", "created_at")
			.doesNotContain("channels");
	}

	@Test
	void lastPageHasNoCursor() {
		initialize();

		JsonNode page = service.get("/metrology/streams?limit=1000").json();

		assertThat(page.required("streams").isEmpty()).isFalse();
		assertThat(page.required("next_cursor").isNull()).isTrue();
	}

	@ParameterizedTest
	@ValueSource(strings = { "limit=0", "limit=1001", "limit=-1", "limit=x", "cursor=", "cursor=x", "cursor=%20",
			"cursor=MjAyNi0wMS0wMVQwMDowMDowMFo", "cursor=bm90IGEgdGltZQ" })
	void badLimitOrCursorIsRefused(String query) {
		assertRefused(service.get("/metrology/streams?" + query));
	}

	@ParameterizedTest
	@ValueSource(strings = { "+1000000000-01-01T00:00:00Z", "-1000000000-01-01T00:00:00Z", "2026-13-01T00:00:00Z" })
	void forgedCursorIsRefused(String time) {
		String cursor = Base64.getUrlEncoder()
			.encodeToString((time + " " + this.dataId).getBytes(StandardCharsets.US_ASCII));

		assertRefused(service.get("/metrology/streams?cursor=" + cursor.replace("=", "")));
	}

	private static void assertRefused(Answer answer) {
		assertThat(answer.status()).as(answer.body()).isEqualTo(400);
		assertThat(answer.code()).isEqualTo("invalid_request");
		assertThat(answer.json().required("errors").get(0).has("parameter")).isTrue();
	}

	private static String initialize() {
		return service.post("/metrology/stream/initialize", "{\"points_per_chunk\": 3}")
			.json()
			.required("data_id")
			.stringValue();
	}

	private static List<String> ids(JsonNode page) {
		return page.required("streams").valueStream().map((each) -> each.required("data_id").stringValue()).toList();
	}

	private JsonNode describe() {
		return describe(service);
	}

	private JsonNode describe(TestService from) {
		return from.get("/metrology/stream/" + this.dataId).json();
	}

	private void awaitStatus(TestService from, String status) {
		Awaitility.await()
			.atMost(Duration.ofMinutes(1))
			.until(() -> describe(from).required("status").stringValue().equals(status));
	}

}
