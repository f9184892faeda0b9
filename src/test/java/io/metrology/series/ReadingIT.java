package io.metrology.series;

import java.io.ByteArrayInputStream;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.zip.GZIPInputStream;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

import static org.assertj.core.api.Assertions.assertThat;

/** What readers may ask for, and what they are refused. */
class ReadingIT {

	private static TestDatabase database;

	private static TestService service;

	private static SeriesClient client;

	private final UUID dataId = UUID.randomUUID();

	@BeforeAll
	static void start() {
		database = TestPostgres.newDatabase();
		service = TestService.start(database, "metrology.stream.idle-after=1h");
		client = new SeriesClient(service);
	}

	@AfterAll
	static void stop() {
		service.close();
	}

	@ParameterizedTest
	@ValueSource(strings = { "/metrology/%s/timeseries/", "/metrology/stream/%s/points?channel=c",
			"/metrology/stream/%s/points?format=csv", "/metrology/stream/%s/points?format=parquet",
			"/metrology/stream/%s/chunks?channel=c", "/metrology/stream/%s/points?channel=c&max_points=10" })
	void unknownAndDeletedStreamsAreToldApart(String path) throws Exception {
		String asked = path.formatted(this.dataId);
		assertThat(service.get(asked).code()).isEqualTo("stream_unknown");
		send("c", 0);
		assertThat(service.get(asked).status()).isEqualTo(200);
		try (StoredRows rows = new StoredRows(database)) {
			rows.execute("update stream set deleted_at = now() where data_id = '" + this.dataId + "'");
		}

		Answer answer = service.get(asked);

		assertThat(answer.status()).isEqualTo(410);
		assertThat(answer.code()).isEqualTo("stream_deleted");
	}

	@ParameterizedTest
	@ValueSource(strings = { "/metrology/%s/timeseries/?property_names=d", "/metrology/stream/%s/points?channel=d",
			"/metrology/stream/%s/points?channel=d&max_points=10", "/metrology/stream/%s/chunks?channel=d" })
	void anUnknownChannelIsSaidToBe(String path) {
		send("c", 0);

		Answer answer = service.get(path.formatted(this.dataId));

		assertThat(answer.status()).isEqualTo(404);
		assertThat(answer.code()).isEqualTo("channel_unknown");
	}

	@ParameterizedTest
	@CsvSource({ "points?channel=c&start=x, start", "points?channel=c&end=1e999, end",
			"points?channel=c&start=2&end=1, end", "points?channel=c&last_n=0, last_n",
			"points?channel=c&last_n=1&last_n=2, last_n", "points?channel=c&max_points=1, max_points",
			"points?channel=c&max_points=5&last_n=3, max_points", "points?format=parquet&max_points=5, max_points",
			"points?channel=c&format=xml, format", "points?start=1, channel", "points?channel=, channel" })
	void aFaultyParameterIsNamed(String query, String parameter) {
		send("c", 0);

		Answer answer = service.get("/metrology/stream/" + this.dataId + "/" + query);

		assertThat(answer.status()).isEqualTo(400);
		assertThat(answer.code()).isEqualTo("invalid_request");
		assertThat(answer.json().get("errors").get(0).get("parameter").stringValue()).isEqualTo(parameter);
	}

	@ParameterizedTest
	@CsvSource({ "last_n=-1, last_n", "elapsed_seconds=NaN, elapsed_seconds",
			"available_properties=yes, available_properties", "return_null_if_missing=, return_null_if_missing" })
	void aFaultyParameterOfTheTimeseriesIsNamed(String query, String parameter) {
		Answer answer = service.get("/metrology/" + this.dataId + "/timeseries/?" + query);

		assertThat(answer.code()).isEqualTo("invalid_request");
		assertThat(answer.json().get("errors").get(0).get("parameter").stringValue()).isEqualTo(parameter);
	}

	@Test
	void timeseriesMayBeNamesOnlyOrSomeChannelsOrNull() {
		send("c", 0);
		send("d", 0);
		String path = "/metrology/" + this.dataId + "/timeseries/";

		JsonNode names = client.json(path + "?available_properties=true");
		JsonNode some = client.json(path + "?property_names=d");

		assertThat(names.get("properties")).isEmpty();
		assertThat(names.get("available_property_names")).hasSize(2);
		assertThat(some.get("properties").propertyNames()).containsExactly("d");
		assertThat(some.get("property_units").propertyNames()).containsExactly("d");
		assertThat(some.get("available_property_names")).hasSize(2);
		assertThat(client.json("/metrology/" + UUID.randomUUID() + "/timeseries/?return_null_if_missing=true").isNull())
			.isTrue();
	}

	@ParameterizedTest
	@CsvSource({ "text/csv, text/csv;charset=UTF-8", "application/json, application/json", "*/*, application/json",
			"application/vnd.apache.parquet, application/vnd.apache.parquet",
			"'text/csv;q=0.5, application/json', application/json",
			"'text/html, text/*;q=0.9', text/csv;charset=UTF-8" })
	void acceptChoosesTheFormat(String accept, String type) {
		send("c", 0);

		HttpResponse<byte[]> response = client.get(SeriesClient.points(this.dataId, "channel=c"), "Accept", accept);

		assertThat(response.headers().firstValue("Content-Type")).contains(type);
	}

	@Test
	void aFormatThatThereIsNotIsNotAcceptable() {
		send("c", 0);

		HttpResponse<byte[]> response = client.get(SeriesClient.points(this.dataId, "channel=c"), "Accept",
				"image/png");

		assertThat(response.statusCode()).isEqualTo(406);
	}

	@Test
	void moreFormatsThanAnybodyAsksForAreNotAcceptable() {
		send("c", 0);

		HttpResponse<byte[]> response = client.get(SeriesClient.points(this.dataId, "channel=c"), "Accept",
				"a/b,".repeat(60) + "text/csv");

		assertThat(response.statusCode()).isEqualTo(406);
	}

	@Test
	void aDownloadHasAName() {
		send("a/b c", 0);

		HttpResponse<byte[]> response = client
			.get(SeriesClient.points(this.dataId, "format=csv&channel=" + SeriesClient.encode("a/b c")));

		assertThat(response.headers().firstValue("Content-Disposition").orElseThrow()).startsWith("attachment")
			.contains(this.dataId + "_a-b-c.csv");
	}

	@Test
	void longAnswersAreCompressed() throws Exception {
		send("c", 0);

		HttpResponse<byte[]> response = client.get(SeriesClient.points(this.dataId, "format=csv"), "Accept-Encoding",
				"gzip");

		assertThat(response.headers().firstValue("Content-Encoding")).contains("gzip");
		try (GZIPInputStream inflated = new GZIPInputStream(new ByteArrayInputStream(response.body()))) {
			assertThat(Columns.csv(new String(inflated.readAllBytes(), StandardCharsets.UTF_8))).hasSize(3);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "/metrology/%s/timeseries/", "/metrology/stream/%s/points?channel=c",
			"/metrology/stream/%s/points?format=csv", "/metrology/stream/%s/points?channel=c&max_points=10" })
	void whatHasNotChangedIsNotSentAgain(String path) {
		send("c", 0);
		String asked = path.formatted(this.dataId);
		String tag = client.get(asked).headers().firstValue("ETag").orElseThrow();

		HttpResponse<byte[]> same = client.get(asked, "If-None-Match", tag);
		send("c", 1);
		HttpResponse<byte[]> changed = client.get(asked, "If-None-Match", tag);

		assertThat(same.statusCode()).isEqualTo(304);
		assertThat(same.body()).isEmpty();
		assertThat(changed.statusCode()).isEqualTo(200);
		assertThat(changed.headers().firstValue("ETag")).isNotEqualTo(same.headers().firstValue("ETag"));
	}

	@Test
	void streamsAreFilteredByStatusNameAndActivity() throws Exception {
		String done = initialize("Growth 17 % done");
		String open = initialize("growth_18");
		String old = initialize("Growth 19");
		try (StoredRows rows = new StoredRows(database)) {
			rows.execute("update stream set finalized_at = now() where data_id = '" + done + "'");
			rows.execute("update stream set created_at = '2020-01-01Z' where data_id = '" + old + "'");
		}

		assertThat(listed("name=growth")).containsExactlyInAnyOrder(done, open, old);
		assertThat(listed("name=growth&status=success")).containsExactly(done);
		assertThat(listed("name=growth&status=stream_active")).containsExactly(open);
		assertThat(listed("name=growth&status=stream_interrupted")).containsExactly(old);
		assertThat(listed("name=%25")).containsExactly(done);
		assertThat(listed("name=growth&active_until=2020-01-02T00:00:00Z")).containsExactly(old);
		assertThat(listed("name=growth&active_since=2020-01-01T01:00:01%2B01:00")).containsExactlyInAnyOrder(done,
				open);
		service.postChunk(Chunks.ofPoints(UUID.fromString(old), "c", 0, 1));
		assertThat(listed("name=growth&active_until=2020-01-02T00:00:00Z")).isEmpty();
		assertThat(listed("name=growth&status=stream_active")).containsExactlyInAnyOrder(open, old);
	}

	@ParameterizedTest
	@CsvSource({ "status=open, status", "active_since=yesterday, active_since", "name=, name", "limit=0, limit",
			"name=%00, name", "active_since=%2B300000-01-01T00:00:00Z, active_since",
			"active_until=-999999999-01-01T00:00:00Z, active_until" })
	void aFaultyFilterIsNamed(String query, String parameter) {
		Answer answer = service.get("/metrology/streams?" + query);

		assertThat(answer.code()).isEqualTo("invalid_request");
		assertThat(answer.json().get("errors").get(0).get("parameter").stringValue()).isEqualTo(parameter);
	}

	private static java.util.List<String> listed(String query) {
		java.util.List<String> ids = new java.util.ArrayList<>();
		client.json("/metrology/streams?" + query)
			.get("streams")
			.forEach((stream) -> ids.add(stream.get("data_id").stringValue()));
		return ids;
	}

	private static String initialize(String name) {
		return service
			.post("/metrology/stream/initialize",
					"{\"points_per_chunk\": 1, \"stream_name\": " + Chunks.text(name) + "}")
			.json()
			.get("data_id")
			.stringValue();
	}

	private void send(String channel, int index) {
		assertThat(service.postChunk(Chunks.ofPoints(this.dataId, channel, index, 3)).status()).isEqualTo(201);
	}

}
