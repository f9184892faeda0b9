package io.metrology.ingest;

import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

import static org.assertj.core.api.Assertions.assertThat;

/** The chunks of one request for several channels are all stored, or none. */
class MultiIT {

	private static final String MULTI = "/metrology/stream/chunk/multi";

	private static final String GOOD = "{\"timestamps\": [1, 2], \"values\": [1, 2]}";

	private final UUID dataId = UUID.randomUUID();

	private static StoredRows rows;

	private static List<TestService> services;

	private static TestService service;

	@BeforeAll
	static void start() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		services = List.of(TestService.start(database), TestService.start(database));
		service = services.get(0);
		rows = new StoredRows(database);
	}

	@AfterAll
	static void stop() throws Exception {
		services.forEach(TestService::close);
		assertNoDeadlock();
		rows.close();
	}

	@ParameterizedTest
	@ValueSource(strings = { "/metrology", "/tool-state" })
	void answersComeInTheOrderOfTheRequest(String prefix) throws Exception {
		service.postChunk(Chunks.ofPoints(this.dataId, "m", 0, 5));

		Answer answer = service.post(prefix + "/stream/chunk/multi",
				Chunks.multi(this.dataId, 1, 3, "z", "m", "a/b~c", "Å"));

		assertThat(answer.status()).isEqualTo(201);
		assertThat(answer.json().valueStream().map(JsonNode::toString)).containsExactly(receipt("z", 3),
				receipt("m", 8), receipt("a/b~c", 3), receipt("Å", 3));
		assertThat(rows.channels(this.dataId)).containsOnlyKeys("z", "m", "a/b~c", "Å");
	}

	@Test
	void resendIsUnchanged() throws Exception {
		String multi = Chunks.multi(this.dataId, 1, 3, "a", "b");
		Answer first = service.post(MULTI, multi);

		Answer second = services.get(1).post(MULTI, multi);

		assertThat(second.status()).isEqualTo(201);
		assertThat(second.json()).isEqualTo(first.json());
		assertThat(rows.channels(this.dataId).get("b").revision()).isEqualTo(1);
	}

	@Test
	void validatingAnswersAsStoringWouldAndWritesNothing() throws Exception {
		String multi = Chunks.multi(this.dataId, 1, 3, "b", "a");

		Answer answer = service.post(MULTI + "?validate_only=true", multi);

		assertThat(answer.status()).isEqualTo(200);
		assertThat(rows.streams(this.dataId)).isZero();
		assertThat(service.post(MULTI, multi).json()).isEqualTo(answer.json());
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', quoteCharacter = '^', value = {
			// A point that is none, under the name of its channel, which may need
			// escaping.
			"{`good`: GOOD, `temp`: {`timestamps`: [1, 2, 3, 4], `values`: [1, 2, 3, `x`]}} | /channels/temp/values/3",
			"{`good`: GOOD, `a/b`: {`timestamps`: [1], `values`: [1e999]}} | /channels/a~1b/values/0",
			"{`good`: GOOD, `a~b`: {`timestamps`: [1, null], `values`: [1, 2]}} | /channels/a~0b/timestamps/1",
			"{`good`: GOOD, `~1`: {`timestamps`: [1], `values`: [1], `units`: 5}} | /channels/~01/units",
			"{`good`: GOOD, `a`: {`timestamps`: [1], `values`: [1, 2]}} | /channels/a/values",
			"{`good`: GOOD, `a`: {`timestamps`: [], `values`: []}} | /channels/a/timestamps",
			"{`good`: GOOD, `a`: {`values`: [1]}} | /channels/a/timestamps",
			"{`good`: GOOD, `a`: {`timestamps`: [1]}} | /channels/a/values", "{`good`: GOOD, `a`: null} | /channels/a",
			"{`good`: GOOD, `a`: 5} | /channels/a", "{`good`: GOOD, ``: GOOD} | /channels/", "{} | /channels",
			"null | /channels", "[] | /channels", "5 | /channels" })
	void oneFaultInTheLastChannelLeavesNothing(String channels, String pointer) throws Exception {
		Answer refused = service.post(MULTI, "{\"data_id\": \"" + this.dataId + "\", \"chunk_index\": 0, \"channels\": "
				+ channels.replace('`', '"').replace("GOOD", GOOD) + "}");

		assertThat(refused.status()).as(refused.body()).isEqualTo(400);
		assertThat(refused.code()).isEqualTo("invalid_request");
		assertThat(refused.json().required("stored").booleanValue()).isFalse();
		assertThat(
				refused.json().required("errors").valueStream().map((fault) -> fault.required("pointer").stringValue()))
			.contains(pointer);
		assertThat(rows.streams(this.dataId)).isZero();
	}

	@Test
	void everyFaultOfEveryChannelIsListed() {
		Answer refused = service.post(MULTI, """
				{"chunk_index": -1, "channels": {"a": {"timestamps": [null], "values": [1]},
				                                 "b": {"timestamps": [1], "values": [true]}}}""");

		assertThat(
				refused.json().required("errors").valueStream().map((fault) -> fault.required("pointer").stringValue()))
			.containsExactlyInAnyOrder("/data_id", "/chunk_index", "/channels/a/timestamps/0", "/channels/b/values/0");
	}

	@Test
	void channelsAreRequired() {
		Answer refused = service.post(MULTI,
				"{\"data_id\": \"" + this.dataId + "\", \"chunk_index\": 0, \"timestamps\": [1], \"values\": [1]}");

		assertThat(refused.code()).isEqualTo("invalid_request");
		assertThat(refused.body()).contains("/channels");
	}

	@Test
	void asManyChannelsAsTheLimitAreStoredAndNoMore() throws Exception {
		assertThat(service.post(MULTI, Chunks.multi(this.dataId, 0, channels(1000))).status()).isEqualTo(201);

		Answer refused = service.post(MULTI, Chunks.multi(this.dataId, 1, channels(1001)));

		assertThat(refused.status()).isEqualTo(400);
		assertThat(refused.body()).contains("metrology.ingest.max-channels");
		assertThat(rows.channels(this.dataId)).hasSize(1000);
	}

	private static List<String> channels(int count) {
		return IntStream.range(0, count).mapToObj((channel) -> "\"c" + channel + "\": " + GOOD).toList();
	}

	@Test
	void channelThatComesTwiceIsRefused() throws Exception {
		Answer refused = service.post(MULTI,
				Chunks.multi(this.dataId, 0, List.of("\"a\": " + GOOD, "\"b\": " + GOOD, "\"a\": " + GOOD)));

		assertThat(refused.status()).isEqualTo(400);
		assertThat(refused.code()).isEqualTo("malformed_json");
		assertThat(rows.streams(this.dataId)).isZero();
	}

	@Test
	void otherUnitsInTheLastChannelLeaveNothingNotEvenAChannel() throws Exception {
		service.postChunk(Chunks.of(this.dataId, "z", 0, List.of(1.0), List.of(1.0), "nm"));

		Answer refused = service.post(MULTI, Chunks.multi(this.dataId, 1,
				List.of("\"new\": " + GOOD, "\"z\": " + Chunks.samples(List.of(1.0), List.of(1.0), "um"))));

		assertThat(refused.status()).isEqualTo(409);
		assertThat(refused.code()).isEqualTo("units_mismatch");
		assertThat(refused.json().required("errors").get(0).required("pointer").stringValue())
			.isEqualTo("/channels/z/units");
		assertThat(rows.channels(this.dataId)).containsOnlyKeys("z");
		assertThat(rows.channels(this.dataId).get("z").revision()).isEqualTo(1);
	}

	@Test
	void newChannelOfAFinalizedStreamIsRefusedWithTheChannelsThatAreHeld() throws Exception {
		String held = Chunks.multi(this.dataId, 0, 3, "a", "b");
		service.post(MULTI, held);
		service.post("/metrology/stream/" + this.dataId + "/finalize", """
				{"channels": {"a": {"chunks": 1, "total_points": 3}, "b": {"chunks": 1, "total_points": 3}}}""");

		Answer refused = service.post(MULTI, Chunks.multi(this.dataId, 0, 3, "a", "b", "c"));

		assertThat(refused.code()).isEqualTo("stream_finalized");
		assertThat(rows.channels(this.dataId)).containsOnlyKeys("a", "b");
		assertThat(service.post(MULTI, held).status()).isEqualTo(201);
	}

	@Test
	void requestsForTheSameChannelsInOppositeOrderDoNotDeadlock() throws Exception {
		String[] upwards = IntStream.range(0, 12).mapToObj((i) -> "channel " + i).toArray(String[]::new);
		String[] downwards = IntStream.range(0, 12).mapToObj((i) -> "channel " + (11 - i)).toArray(String[]::new);
		for (int round = 0; round < 60; round++) {
			// A new stream now and then, so that channels are made in opposite order,
			// too.
			UUID stream = (round % 3 == 0) ? UUID.randomUUID() : this.dataId;
			int first = 8 * round;

			List<CompletableFuture<Answer>> answers = IntStream.range(0, 8)
				.mapToObj((i) -> services.get(i % 2)
					.postLater(MULTI, Chunks.multi(stream, first + i, 2, (i % 2 == 0) ? upwards : downwards)))
				.toList();

			assertThat(answers).map(CompletableFuture::join).extracting(Answer::status).containsOnly(201);
		}
		assertThat(rows.channels(this.dataId).values()).hasSize(12)
			.allMatch((channel) -> channel.totalPoints() == 40 * 8 * 2 && channel.sumOfPoints() == 40 * 8 * 2);
	}

	private String receipt(String channel, int totalPoints) {
		return "{\"data_id\":\"" + this.dataId + "\",\"channel_name\":\"" + channel
				+ "\",\"chunk_index\":1,\"total_points\":" + totalPoints + "}";
	}

	/** Server processes report what they counted when they end, at the latest. */
	private static void assertNoDeadlock() throws SQLException {
		Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> rows.texts("""
				SELECT pid
				  FROM pg_stat_activity
				 WHERE datname = current_database()
				   AND pid <> pg_backend_pid()
				   AND backend_type = 'client backend'
				""").isEmpty());
		assertThat(rows.text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
			.as("deadlocks")
			.isEqualTo("0");
	}

}
