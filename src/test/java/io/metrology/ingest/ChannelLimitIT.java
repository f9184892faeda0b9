package io.metrology.ingest;

import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** How many channels a stream may come to have. */
class ChannelLimitIT {

	private static final String LIMIT = "metrology.ingest.max-channels-per-stream=3";

	private static final String MULTI = "/metrology/stream/chunk/multi";

	private static TestDatabase database;

	private static TestService service;

	private static TestService second;

	private final UUID dataId = UUID.randomUUID();

	@BeforeAll
	static void start() {
		database = TestPostgres.newDatabase();
		service = TestService.start(database, LIMIT);
		second = TestService.start(database, LIMIT);
	}

	@AfterAll
	static void stop() {
		second.close();
		service.close();
	}

	@Test
	void channelBeyondTheLimitIsRefusedAndTheOthersGoOn() throws Exception {
		for (String channel : List.of("a", "b", "c")) {
			assertThat(service.postChunk(chunk(channel, 0)).status()).isEqualTo(201);
		}

		Answer refused = service.postChunk(chunk("d", 0));

		assertRefused(refused, "/channel_name");
		assertRefused(service.post("/metrology/stream/chunk?validate_only=true", chunk("d", 0)), "/channel_name");
		assertThat(service.postChunk(chunk("a", 1)).status()).isEqualTo(201);
		assertThat(channels()).containsExactly("a", "b", "c");
	}

	@Test
	void requestThatWouldGoBeyondTheLimitIsRefusedWhole() throws Exception {
		assertThat(service.post(MULTI, Chunks.multi(this.dataId, 0, 2, "a", "b")).status()).isEqualTo(201);

		assertRefused(service.post(MULTI, Chunks.multi(this.dataId, 1, 2, "a", "c", "d")), "/channels/c");

		assertThat(channels()).containsExactly("a", "b");
		assertThat(service.post(MULTI, Chunks.multi(this.dataId, 1, 2, "a", "c")).status()).isEqualTo(201);
	}

	@Test
	void limitIsExactHoweverManyMakeChannelsAtOnce() throws Exception {
		List<CompletableFuture<Answer>> answers = new ArrayList<>();
		for (int i = 0; i < 40; i++) {
			answers.add(((i % 2 == 0) ? service : second).postChunkLater(chunk("channel " + i, 0)));
		}

		assertThat(answers).map(CompletableFuture::join).filteredOn((answer) -> answer.status() == 201).hasSize(3);
		assertThat(channels()).hasSize(3);
	}

	private void assertRefused(Answer answer, String pointer) {
		assertThat(answer.status()).as(answer.body()).isEqualTo(400);
		assertThat(answer.code()).isEqualTo("invalid_request");
		assertThat(answer.body()).contains("3 channels").contains("max-channels-per-stream").contains(pointer);
	}

	private List<String> channels() throws Exception {
		try (StoredRows rows = new StoredRows(database)) {
			return List.copyOf(rows.channels(this.dataId).keySet());
		}
	}

	private String chunk(String channel, int index) {
		return Chunks.ofPoints(this.dataId, channel, index, 2);
	}

}
