package io.metrology.ingest;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.StoredChannel;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import io.metrology.ingest.SerialOrder.Acknowledged;
import io.metrology.ingest.SerialOrder.Receipt;
import io.metrology.ingest.SerialOrder.Written;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Two instances of the service on one database, and clients that race each other: every
 * answer is exact all the same.
 */
class ConcurrentIngestIT {

	private static final int THREADS = 16;

	private static final int CHANNELS = 4;

	private static final int KEYS = 1000;

	/** How often each key is sent: originals, identical resends, and other content. */
	private static final List<Integer> VERSIONS = List.of(0, 0, 1, 0, 2);

	private static final String NOTE_WRITES = """
			CREATE TABLE written (
			    channel_name TEXT    NOT NULL,
			    chunk_index  INTEGER NOT NULL,
			    revision     BIGINT  NOT NULL,
			    point_count  INTEGER NOT NULL,
			    hash         TEXT    NOT NULL,
			    created      BOOLEAN NOT NULL
			);
			CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
			    INSERT INTO written
			    VALUES (new.channel_name, new.chunk_index, new.revision, new.point_count,
			            encode(new.content_hash, 'hex'), tg_op = 'INSERT');
			    RETURN NULL;
			END
			$$;
			CREATE TRIGGER note_write
			 AFTER INSERT OR UPDATE ON chunk
			   FOR EACH ROW EXECUTE FUNCTION note_write()
			""";

	private StoredRows rows;

	private List<TestService> services;

	private ExecutorService threads;

	@BeforeEach
	void start() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		this.rows = new StoredRows(database);
		this.services = List.of(TestService.start(database), TestService.start(database));
		this.threads = Executors.newFixedThreadPool(THREADS);
	}

	@AfterEach
	void stop() throws Exception {
		this.threads.shutdownNow();
		this.services.forEach(TestService::close);
		assertNoDeadlock();
		this.rows.close();
	}

	@Test
	void answersReplayAsOneSerialOrder() throws Exception {
		this.rows.execute(NOTE_WRITES);
		UUID dataId = UUID.randomUUID();

		Map<String, List<Acknowledged>> answers = postAll(dataId, requests());

		assertThat(answers.values().stream().mapToInt(List::size).sum()).isEqualTo(CHANNELS * KEYS * VERSIONS.size());
		Map<String, StoredChannel> channels = this.rows.channels(dataId);
		assertThat(channels.keySet()).isEqualTo(answers.keySet()).hasSize(CHANNELS);
		for (String channel : answers.keySet()) {
			SerialOrder order = new SerialOrder(written(channel));
			order.assertNoWriteSharesARevision();
			order.assertExplains(answers.get(channel));
			order.assertKeepsRealTime(answers.get(channel));
			order.assertEndsIn(channels.get(channel));
		}
	}

	@Test
	void oneOfTwoFirstChunksOfAnUnknownStreamCountsTheOther() throws Exception {
		for (int round = 0; round < 200; round++) {
			UUID dataId = UUID.randomUUID();

			List<Answer> answers = together(Chunks.ofPoints(dataId, "thickness", 0, 3),
					Chunks.ofPoints(dataId, "thickness", 1, 3));

			assertThat(answers).extracting(Answer::totalPoints).containsExactlyInAnyOrder(3L, 6L);
			assertThat(this.rows.streams(dataId)).isEqualTo(1);
			assertThat(this.rows.channels(dataId).get("thickness").totalPoints()).isEqualTo(6);
		}
	}

	@Test
	void firstChunksOfTwoChannelsOfAnUnknownStreamAreBothStored() throws Exception {
		for (int round = 0; round < 100; round++) {
			UUID dataId = UUID.randomUUID();

			List<Answer> answers = together(Chunks.ofPoints(dataId, "thickness", 0, 3),
					Chunks.ofPoints(dataId, "pressure", 0, 3));

			assertThat(answers).extracting(Answer::totalPoints).containsOnly(3L);
			assertThat(this.rows.streams(dataId)).isEqualTo(1);
			assertThat(this.rows.channels(dataId)).containsOnlyKeys("pressure", "thickness");
		}
	}

	@Test
	void sameFirstChunkSentManyTimesAtOnceIsCreatedOnce() throws Exception {
		for (int round = 0; round < 50; round++) {
			UUID dataId = UUID.randomUUID();
			String chunk = Chunks.ofPoints(dataId, "thickness", 0, 3);

			List<Answer> answers = together(chunk, chunk, chunk, chunk, chunk, chunk, chunk, chunk);

			assertThat(answers).extracting(Answer::totalPoints).containsOnly(3L);
			assertThat(answers).extracting(Answer::outcome)
				.containsOnlyOnce("created")
				.containsOnly("created", "unchanged");
			assertThat(this.rows.channels(dataId).get("thickness").revision()).isEqualTo(1);
		}
	}

	/** One of two units wins, and its channel never holds a chunk of the other. */
	@Test
	void firstChunksOfDifferentUnitsAreNotMixed() throws Exception {
		for (int round = 0; round < 100; round++) {
			UUID dataId = UUID.randomUUID();

			List<Answer> answers = together(chunk(dataId, 0, "nm"), chunk(dataId, 1, "um"));

			assertThat(answers).extracting(Answer::status).containsExactlyInAnyOrder(201, 409);
			StoredChannel channel = this.rows.channels(dataId).get("thickness");
			assertThat(channel.units()).isEqualTo((answers.get(0).status() == 201) ? "nm" : "um");
			assertThat(channel.chunks()).hasSize(1);
		}
	}

	/**
	 * Every key's requests, mixed with those of its neighbours, so that resends overtake.
	 */
	private static List<Request> requests() {
		Random random = new Random(17);
		List<Placed> placed = new ArrayList<>();
		for (int channel = 0; channel < CHANNELS; channel++) {
			for (int index = 0; index < KEYS; index++) {
				for (int version : VERSIONS) {
					placed.add(new Placed(new Request("channel " + channel, index, version),
							index + 2 * random.nextGaussian()));
				}
			}
		}
		return placed.stream().sorted(Comparator.comparingDouble(Placed::place)).map(Placed::request).toList();
	}

	private Map<String, List<Acknowledged>> postAll(UUID dataId, List<Request> requests) throws Exception {
		AtomicInteger next = new AtomicInteger();
		List<Future<Map<String, List<Acknowledged>>>> parts = new ArrayList<>();
		for (int i = 0; i < THREADS; i++) {
			TestService service = this.services.get(i % 2);
			parts.add(this.threads.submit(() -> postNext(service, dataId, requests, next)));
		}
		Map<String, List<Acknowledged>> all = new HashMap<>();
		for (Future<Map<String, List<Acknowledged>>> part : parts) {
			part.get()
				.forEach((channel, answers) -> all.computeIfAbsent(channel, (name) -> new ArrayList<>())
					.addAll(answers));
		}
		return all;
	}

	private static Map<String, List<Acknowledged>> postNext(TestService service, UUID dataId, List<Request> requests,
			AtomicInteger next) {
		Map<String, List<Acknowledged>> answers = new HashMap<>();
		for (int n = next.getAndIncrement(); n < requests.size(); n = next.getAndIncrement()) {
			Request request = requests.get(n);
			answers.computeIfAbsent(request.channel(), (channel) -> new ArrayList<>())
				.add(request.post(service, dataId));
		}
		return answers;
	}

	/** Sends all bodies at once, in turn to the two instances. */
	private List<Answer> together(String... bodies) {
		List<CompletableFuture<Answer>> answers = IntStream.range(0, bodies.length)
			.mapToObj((i) -> this.services.get(i % 2).postChunkLater(bodies[i]))
			.toList();
		return answers.stream().map(CompletableFuture::join).toList();
	}

	private List<Written> written(String channel) throws SQLException {
		return this.rows
			.texts("SELECT concat_ws(' ', chunk_index, revision, point_count, hash, created) FROM written "
					+ "WHERE channel_name = '" + channel + "'")
			.stream()
			.map((row) -> row.split(" "))
			.map((row) -> new Written(Integer.parseInt(row[0]), Long.parseLong(row[1]), Integer.parseInt(row[2]),
					row[3], row[4].startsWith("t")))
			.collect(Collectors.toList());
	}

	private static String chunk(UUID dataId, int index, String units) {
		return Chunks.of(dataId, "thickness", index, List.of(1.0), List.of(2.0), units);
	}

	/** Server processes report what they counted when they end, at the latest. */
	private void assertNoDeadlock() throws SQLException {
		Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> this.rows.texts("""
				SELECT pid
				  FROM pg_stat_activity
				 WHERE datname = current_database()
				   AND pid <> pg_backend_pid()
				   AND backend_type = 'client backend'
				""").isEmpty());
		assertThat(this.rows.text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
			.as("deadlocks")
			.isEqualTo("0");
	}

	/**
	 * A request of the load.
	 *
	 * @param channel the channel
	 * @param index the chunk's index
	 * @param version which content of this key
	 */
	private record Request(String channel, int index, int version) {

		/** Each version has another length. */
		int points() {
			return 1 + this.index % 3 + 4 * this.version;
		}

		Acknowledged post(TestService service, UUID dataId) {
			String body = Chunks.ofPoints(dataId, this.channel, this.index, points());
			long started = System.nanoTime();
			Answer answer = service.postChunk(body);
			long ended = System.nanoTime();
			assertThat(answer.status()).as(answer.body()).isEqualTo(201);
			return new Acknowledged(new Receipt(this.index, answer.hash(), answer.outcome(), answer.totalPoints()),
					started, ended);
		}

	}

	/**
	 * A request and where it stands in the load.
	 *
	 * @param request the request
	 * @param place the greater, the later it is sent
	 */
	private record Placed(Request request, double place) {

	}

}
