package io.metrology.series;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.IntStream;

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
import tools.jackson.databind.JsonNode;

import static org.assertj.core.api.Assertions.assertThat;

/** A client learns what arrived and what did not. */
class HeldChunksIT {

	private static TestDatabase database;

	private static TestService service;

	private static SeriesClient client;

	private final UUID dataId = UUID.randomUUID();

	@BeforeAll
	static void start() {
		database = TestPostgres.newDatabase();
		service = TestService.start(database);
		client = new SeriesClient(service);
	}

	@AfterAll
	static void stop() {
		service.close();
	}

	@Test
	void aSingleChunkAtTheEndLeavesTwoThousandMillionMissing() {
		send(Integer.MAX_VALUE);

		JsonNode answer = chunks("");

		assertThat(ranges(answer.get("held"))).containsExactly("2147483647-2147483647");
		assertThat(ranges(answer.get("missing"))).containsExactly("0-2147483646");
		assertThat(answer.get("missing_chunks").longValue()).isEqualTo(2147483647L);
		assertThat(answer.get("next_cursor").isNull()).isTrue();
	}

	@Test
	void aChannelWithoutHolesIsOneRange() {
		IntStream.range(0, 5).forEach(this::send);

		JsonNode answer = chunks("");

		assertThat(ranges(answer.get("held"))).containsExactly("0-4");
		assertThat(answer.get("missing")).isEmpty();
		assertThat(answer.get("total_points").longValue()).isEqualTo(15);
	}

	@Test
	void manyHolesComeInPagesOfAHundredRanges() throws Exception {
		Random random = new Random(5);
		TreeSet<Integer> held = new TreeSet<>();
		random.ints(2000, 0, 3000).forEach(held::add);
		send(0);
		try (StoredRows rows = new StoredRows(database)) {
			for (int index : held) {
				rows.execute("""
						insert into chunk select data_id, channel_name, %d, point_count, revision, received_at,
						earliest_time, latest_time, min_value, max_value, missing_count, content_hash, timestamps,
						"values" from chunk where data_id = '%s' and chunk_index = 0 on conflict do nothing
						""".formatted(index, this.dataId));
			}
			held.add(0);
			rows.execute("update channel set highest_chunk_index = %d, chunk_count = %d where data_id = '%s'"
				.formatted(held.last(), held.size(), this.dataId));
		}

		List<String> heldRanges = new ArrayList<>();
		List<String> missingRanges = new ArrayList<>();
		String cursor = "";
		while (cursor != null) {
			JsonNode page = chunks(cursor);
			assertThat(page.get("held").size()).isLessThanOrEqualTo(HeldChunksController.RANGES);
			heldRanges.addAll(ranges(page.get("held")));
			missingRanges.addAll(ranges(page.get("missing")));
			cursor = page.get("next_cursor").isNull() ? null : "&cursor=" + page.get("next_cursor").longValue();
		}

		assertThat(indexes(heldRanges)).isEqualTo(List.copyOf(held));
		assertThat(indexes(missingRanges))
			.isEqualTo(IntStream.range(0, held.last()).filter((index) -> !held.contains(index)).boxed().toList());
	}

	@Test
	void detailsHaveTheHashOfEachChunk() {
		Answer first = send(3);
		Answer second = send(7);

		JsonNode page = chunks("&details=true&limit=1");
		JsonNode next = chunks("&details=true&limit=1&cursor=" + page.get("next_cursor").longValue());

		assertThat(page.get("chunks").get(0).get("content_hash").stringValue()).isEqualTo(first.hash());
		assertThat(page.get("chunks").get(0).get("point_count").intValue()).isEqualTo(3);
		assertThat(next.get("chunks").get(0).get("chunk_index").intValue()).isEqualTo(7);
		assertThat(next.get("chunks").get(0).get("content_hash").stringValue()).isEqualTo(second.hash());
		assertThat(next.get("next_cursor").isNull()).isTrue();
	}

	@Test
	void whatHasNotChangedIsNotSentAgain() {
		send(0);
		String path = "/metrology/stream/" + this.dataId + "/chunks?channel=c";
		String tag = client.get(path).headers().firstValue("ETag").orElseThrow();

		assertThat(client.get(path, "If-None-Match", tag).statusCode()).isEqualTo(304);
		send(1);
		assertThat(client.get(path, "If-None-Match", tag).statusCode()).isEqualTo(200);
	}

	@ParameterizedTest
	@CsvSource({ "'', channel", "channel=, channel", "channel=c&cursor=x, cursor", "channel=c&cursor=-1, cursor",
			"channel=c&limit=0, limit", "channel=c&details=1, details" })
	void aFaultyParameterIsNamed(String query, String parameter) {
		send(0);

		Answer answer = service.get("/metrology/stream/" + this.dataId + "/chunks?" + query);

		assertThat(answer.code()).isEqualTo("invalid_request");
		assertThat(answer.json().get("errors").get(0).get("parameter").stringValue()).isEqualTo(parameter);
	}

	private Answer send(int index) {
		return service.postChunk(Chunks.ofPoints(this.dataId, "c", index, 3));
	}

	private JsonNode chunks(String query) {
		return client.json("/metrology/stream/" + this.dataId + "/chunks?channel=c" + query);
	}

	private static List<String> ranges(JsonNode ranges) {
		List<String> texts = new ArrayList<>();
		ranges.forEach((range) -> texts.add(range.get("first").longValue() + "-" + range.get("last").longValue()));
		return texts;
	}

	private static List<Integer> indexes(List<String> ranges) {
		return ranges.stream().flatMapToInt((range) -> {
			String[] ends = range.split("-");
			return IntStream.rangeClosed(Integer.parseInt(ends[0]), Integer.parseInt(ends[1]));
		}).boxed().toList();
	}

}
