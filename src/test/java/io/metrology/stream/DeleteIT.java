package io.metrology.stream;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

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
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/** Deleted streams leave a tombstone and nothing else, whatever is sent meanwhile. */
class DeleteIT {

	private static final int SENDERS = 6;

	private static final int ROUNDS = 20;

	private static final String FILL = """
			INSERT INTO chunk (data_id, channel_name, chunk_index, point_count, revision, earliest_time, latest_time,
			                   missing_count, content_hash, timestamps, "values")
			SELECT '%1$s', 'a', chunk_index, cardinality(samples), 1, 1, cardinality(samples), 0, '', samples, samples
			  FROM generate_series(0, %2$d - 1) AS chunk_index,
			       (SELECT array_agg(i::float8) FROM generate_series(1, %3$d) AS i) AS sample (samples)
			""";

	private static final String STUMBLE = """
			CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
			    RAISE EXCEPTION 'stumbled';
			END
			$$;
			CREATE TRIGGER stumble BEFORE DELETE ON chunk FOR EACH ROW
			  WHEN (old.chunk_index = 1500 AND old.channel_name = 'a') EXECUTE FUNCTION stumble()
			""";

	private static StoredRows rows;

	private static List<TestService> services;

	private final UUID dataId = UUID.randomUUID();

	@BeforeAll
	static void start() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		String sweeping = "metrology.retention.interval=200ms";
		services = List.of(TestService.start(database, sweeping), TestService.start(database, sweeping));
		rows = new StoredRows(database);
	}

	@AfterAll
	static void stop() throws Exception {
		services.forEach(TestService::close);
		rows.close();
	}

	@Test
	void chunksSentWhileTheirStreamIsDeletedLeaveNoOrphans() throws Exception {
		ExecutorService senders = Executors.newFixedThreadPool(SENDERS);
		for (int round = 0; round < ROUNDS; round++) {
			UUID stream = UUID.randomUUID();
			AtomicBoolean deleted = new AtomicBoolean();
			AtomicInteger stored = new AtomicInteger();
			List<Future<List<Answer>>> sent = new ArrayList<>();
			for (int i = 0; i < SENDERS; i++) {
				int sender = i;
				sent.add(senders.submit(() -> sendUntil(deleted, stream, sender, stored)));
			}
			Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> stored.get() > 2 * SENDERS);

			Answer answer = services.get(round % 2).delete("/metrology/stream/" + stream);

			assertThat(answer.status()).isEqualTo(204);
			deleted.set(true);
			for (Future<List<Answer>> answers : sent) {
				assertThat(answers.get()).extracting((each) -> each.status() + each.code())
					.containsAnyOf("410stream_deleted")
					.containsOnly("201", "410stream_deleted");
			}
			assertThat(rows.channels(stream)).isEmpty();
			assertThat(rows.streams(stream)).isEqualTo(1);
		}
		senders.shutdown();
	}

	/** Old channels and new ones, one and several, and two more once it is deleted. */
	private static List<Answer> sendUntil(AtomicBoolean deleted, UUID stream, int sender, AtomicInteger stored) {
		List<Answer> answers = new ArrayList<>();
		int after = 0;
		for (int index = 0; after < 2; index++) {
			after += deleted.get() ? 1 : 0;
			TestService service = services.get((sender + index) % 2);
			String channel = (index % 3 == 0) ? "new " + sender + " " + index : "shared";
			answers.add((index % 4 == 1)
					? service.post("/metrology/stream/chunk/multi",
							Chunks.multi(stream, index, 2, "shared", "more " + index))
					: service.postChunk(Chunks.ofPoints(stream, channel, index, 2)));
			stored.incrementAndGet();
		}
		return answers;
	}

	@Test
	void othersAreAnsweredWhileTenMillionPointsAreDeleted() throws Exception {
		services.get(0).postChunk(Chunks.ofPoints(this.dataId, "a", 200_000, 3));
		rows.execute(FILL.formatted(this.dataId, 100_000, 100));
		UUID other = UUID.randomUUID();

		CompletableFuture<Answer> deletion = CompletableFuture
			.supplyAsync(() -> services.get(0).delete("/metrology/stream/" + this.dataId));
		int answered = 0;
		while (!deletion.isDone()) {
			Answer answer = services.get(answered % 2).postChunk(Chunks.ofPoints(other, "a", answered, 3));
			assertThat(answer.status()).isEqualTo(201);
			answered++;
		}

		assertThat(deletion.join().status()).isEqualTo(204);
		assertThat(answered).isGreaterThanOrEqualTo(10);
		assertPurged();
	}

	/** The instances sweep at the same time, and both find it. */
	@Test
	void whatAnInterruptedDeletionLeftIsSweptAway() throws Exception {
		services.get(0).postChunk(Chunks.ofPoints(this.dataId, "a", 200_000, 3));
		rows.execute(FILL.formatted(this.dataId, 5000, 3));
		rows.execute(STUMBLE);
		assertThat(services.get(0).delete("/metrology/stream/" + this.dataId).status()).isEqualTo(500);
		assertThat(chunks()).isEqualTo("4001");
		assertThat(services.get(1).postChunk(Chunks.ofPoints(this.dataId, "a", 7, 3)).status()).isEqualTo(410);

		rows.execute("DROP TRIGGER stumble ON chunk");

		Awaitility.await()
			.atMost(Duration.ofMinutes(1))
			.until(() -> rows.text("SELECT purged_at FROM stream WHERE data_id = '" + this.dataId + "'") != null);
		assertThat(chunks()).isEqualTo("0");
	}

	@Test
	void deletedStreamIsGoneForEveryRequest() {
		String chunk = Chunks.ofPoints(this.dataId, "a", 0, 3);
		services.get(0).postChunk(chunk);
		String path = "/metrology/stream/" + this.dataId;

		assertThat(services.get(0).delete(path).status()).isEqualTo(204);

		for (TestService service : services) {
			assertThat(List.of(service.get(path), service.get("/metrology/" + this.dataId + "/timeseries/"),
					service.post(path + "/finalize"),
					service.patch(path + "/channels?channel=a", "{\"units\": \"nm\"}"), service.postChunk(chunk),
					service.post("/metrology/stream/chunk?validate_only=true", chunk),
					service.post("/metrology/stream/chunk/multi", Chunks.multi(this.dataId, 3, 3, "a", "b"))))
				.extracting((answer) -> answer.status() + " " + answer.code())
				.containsOnly("410 stream_deleted");
			assertThat(service.get("/metrology/streams?limit=1000").body()).doesNotContain(this.dataId.toString());
			assertThat(service.delete(path).status()).isEqualTo(204);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "/metrology", "/tool-state" })
	void finalizedStreamCanBeDeleted(String prefix) throws Exception {
		services.get(0).postChunk(Chunks.ofPoints(this.dataId, "a", 0, 3));
		services.get(0)
			.post("/metrology/stream/" + this.dataId + "/finalize",
					"{\"channels\": {\"a\": {\"chunks\": 1, \"total_points\": 3}}}");

		Answer answer = services.get(1).delete(prefix + "/stream/" + this.dataId + "/");

		assertThat(answer.status()).isEqualTo(204);
		assertThat(answer.body()).isEmpty();
		assertPurged();
	}

	@Test
	void streamThatWasNeverMadeIsUnknown() throws Exception {
		Answer refused = services.get(0).delete("/metrology/stream/" + this.dataId);

		assertThat(refused.status()).isEqualTo(404);
		assertThat(refused.code()).isEqualTo("stream_unknown");
		assertThat(rows.streams(this.dataId)).isZero();
	}

	private void assertPurged() throws SQLException {
		assertThat(chunks()).isEqualTo("0");
		assertThat(rows.text("SELECT deleted_at IS NOT NULL AND purged_at IS NOT NULL FROM stream WHERE data_id = '"
				+ this.dataId + "'"))
			.startsWith("t");
	}

	private String chunks() throws SQLException {
		return rows.text("SELECT count(*) FROM chunk WHERE data_id = '" + this.dataId + "'");
	}

}
