package io.metrology.command;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import io.metrology.database.EmbeddedTestServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/** The command {@code check}: it finds what is wrong, and nothing else. */
class CheckIT {

	private static TestDatabase database;

	private static TestService service;

	private final UUID dataId = UUID.randomUUID();

	@BeforeAll
	static void start() {
		database = TestPostgres.newDatabase();
		service = TestService.start(database);
	}

	@AfterAll
	static void stop() {
		service.close();
	}

	/** A channel of three chunks with 4, 3 and 2 points, and a second channel. */
	@BeforeEach
	void store() {
		post(Chunks.of(this.dataId, "thickness", 0, List.of(10.0, 40.0, 20.0, 30.0), List.of(1.0, Double.NaN, 3.0, 2.0),
				"nm"));
		post(Chunks.of(this.dataId, "thickness", 1, List.of(50.0, 60.0, 70.0), List.of(4.0, 5.0, 6.0), "nm"));
		post(Chunks.of(this.dataId, "thickness", 5, List.of(80.0, 90.0), List.of(-0.0, 0.0), "nm"));
		post(Chunks.ofPoints(this.dataId, "temperature", 0, 3));
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			UPDATE chunk SET content_hash = '\\x00'            | content_hash is 00, should be
			UPDATE chunk SET point_count = 5                  | timestamps has 3 elements, should have 5 (point_count)
			UPDATE chunk SET timestamps = '{50,60}'           | timestamps has 2 elements, should have 3 (point_count)
			UPDATE chunk SET "values" = '{4,5}'               | values has 2 elements, should have 3 (point_count)
			UPDATE chunk SET "values" = '{4,NULL,6}'          | values has 1 NULL elements, should have none
			UPDATE chunk SET timestamps = '{50,NULL,70}'      | timestamps has 1 NULL elements, should have none
			UPDATE chunk SET timestamps = '{{50},{60},{70}}'  | timestamps has 2 dimensions, should have 1
			UPDATE chunk SET timestamps = '{50,Infinity,70}'  | timestamps[2] is Infinity, should be a finite number
			UPDATE chunk SET timestamps = '{50,NaN,70}'       | timestamps[2] is NaN, should be a finite number
			UPDATE chunk SET "values" = '{4,5,-Infinity}'     | values[3] is -Infinity, should be a finite number
			UPDATE chunk SET "values" = '{4,5.000000000000001,6}' | content_hash is
			UPDATE chunk SET earliest_time = 51               | earliest_time is 51.0, should be 50.0
			UPDATE chunk SET latest_time = 71                 | latest_time is 71.0, should be 70.0
			UPDATE chunk SET min_value = NULL                 | min_value is null, should be 4.0
			UPDATE chunk SET max_value = 7                    | max_value is 7.0, should be 6.0
			UPDATE chunk SET missing_count = 1                | missing_count is 1, should be 0
			UPDATE chunk SET revision = 9                     | revision is 9, beyond its channel's, 3
			""")
	void chunkThatWasTamperedWithIsNamedWithWhatItShouldBe(String change, String fault) throws SQLException {
		execute(change
				+ " WHERE data_id = '%s' AND channel_name = 'thickness' AND chunk_index = 1".formatted(this.dataId));

		CommandRun check = checkStream();

		assertThat(check.out())
			.contains("data_id %s, channel thickness, chunk_index 1: %s".formatted(this.dataId, fault));
		assertThat(check.status()).isEqualTo(1);
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			UPDATE channel SET total_points = 10         | total_points is 10, should be 9
			UPDATE channel SET chunk_count = 2           | chunk_count is 2, should be 3
			UPDATE channel SET highest_chunk_index = 1   | highest_chunk_index is 1, should be 5
			UPDATE channel SET earliest_time = NULL      | earliest_time is null, should be 10.0
			UPDATE channel SET latest_time = 91          | latest_time is 91.0, should be 90.0
			UPDATE channel SET latest_chunk_index = 1    | latest_chunk_index is 1, should be 5
			""")
	void channelThatDoesNotAgreeWithItsChunksIsNamedWithWhatItShouldBe(String change, String fault)
			throws SQLException {
		execute(change + " WHERE data_id = '%s' AND channel_name = 'thickness'".formatted(this.dataId));

		CommandRun check = checkStream();

		assertThat(check.out()).startsWith("data_id %s, channel thickness: %s\n".formatted(this.dataId, fault))
			.contains("2 channels and 4 chunks with 12 points")
			.contains(": 1 findings");
		assertThat(check.status()).isEqualTo(1);
	}

	@Test
	void lostChunkShowsInTheSums() throws SQLException {
		execute("DELETE FROM chunk WHERE data_id = '%s' AND channel_name = 'thickness' AND chunk_index = 5"
			.formatted(this.dataId));

		assertThat(checkStream().out()).contains("channel thickness: total_points is 9, should be 7",
				"channel thickness: chunk_count is 3, should be 2",
				"channel thickness: highest_chunk_index is 5, should be 1",
				"channel thickness: latest_time is 90.0, should be 70.0");
	}

	@Test
	void channelThatLostAllOfItsChunksIsNamed() throws SQLException {
		execute("DELETE FROM chunk WHERE data_id = '%s' AND channel_name = 'temperature'".formatted(this.dataId));

		assertThat(checkStream().out()).contains("channel temperature: total_points is 3, should be 0",
				"channel temperature: highest_chunk_index is 0, should be -1");
	}

	@Test
	void chunkWithoutChannelIsNamed() throws SQLException {
		execute("DELETE FROM channel WHERE data_id = '%s' AND channel_name = 'temperature'".formatted(this.dataId));

		assertThat(checkStream().out())
			.startsWith("data_id %s, channel temperature, chunk_index 0: it has no channel\n".formatted(this.dataId));
	}

	@Test
	void chunkWithoutStreamIsNamed() throws SQLException {
		execute("DELETE FROM channel WHERE data_id = '%s'".formatted(this.dataId));
		execute("DELETE FROM stream WHERE data_id = '%s'".formatted(this.dataId));

		assertThat(checkStream().out()).contains("data_id %s: there is no such stream".formatted(this.dataId),
				"channel temperature, chunk_index 0: it has neither channel nor stream");
	}

	@Test
	void channelWithoutStreamIsNamed() throws SQLException {
		execute("SET session_replication_role = replica; DELETE FROM stream WHERE data_id = '%s'"
			.formatted(this.dataId));

		assertThat(checkStream().out()).contains("channel thickness: it has no stream");
	}

	@Test
	void channelOfADeletedStreamIsNamed() throws SQLException {
		execute("UPDATE stream SET deleted_at = now() WHERE data_id = '%s'".formatted(this.dataId));

		assertThat(checkStream().out()).contains("channel thickness: its stream was deleted, and it should be, too");
	}

	@Test
	void chunksStillToBePurgedAreCountedAndNoFault() throws SQLException {
		execute("DELETE FROM channel WHERE data_id = '%s'".formatted(this.dataId));
		execute("UPDATE stream SET deleted_at = now() WHERE data_id = '%s'".formatted(this.dataId));

		CommandRun check = checkStream();

		assertThat(check.out()).contains("4 chunks of deleted streams are still to be removed", "all is well");
		assertThat(check.status()).isZero();
	}

	@Test
	void chunkOfAPurgedStreamIsNamed() throws SQLException {
		execute("DELETE FROM channel WHERE data_id = '%s'".formatted(this.dataId));
		execute("UPDATE stream SET deleted_at = now(), purged_at = now() WHERE data_id = '%s'".formatted(this.dataId));

		assertThat(checkStream().out()).contains("chunk_index 5: its stream was deleted");
	}

	@Test
	void streamPurgedWithoutHavingBeenDeletedIsNamed() throws SQLException {
		execute("UPDATE stream SET purged_at = now() WHERE data_id = '%s'".formatted(this.dataId));

		assertThat(checkStream().out())
			.startsWith("data_id %s: purged_at is set, though deleted_at is not".formatted(this.dataId));
	}

	@Test
	void findingsBeyondAHundredAreCounted() throws SQLException {
		UUID many = UUID.randomUUID();
		IntStream.range(0, 130).forEach((index) -> post(Chunks.ofPoints(many, "pressure", index, 1)));
		execute("UPDATE chunk SET missing_count = 7 WHERE data_id = '%s'".formatted(many));

		CommandRun check = CommandRun.on(database, "check", "--stream", many.toString());

		assertThat(check.out().lines().filter((line) -> line.contains("missing_count is 7"))).hasSize(100);
		assertThat(check.out()).contains("... and 30 more", ": 130 findings");
	}

	@Test
	void otherStreamsAreNotLookedAt() throws SQLException {
		UUID other = UUID.randomUUID();
		post(Chunks.ofPoints(other, "pressure", 0, 2));
		execute("UPDATE chunk SET missing_count = 7 WHERE data_id = '%s'".formatted(this.dataId));

		CommandRun check = CommandRun.on(database, "check", "--stream", other.toString());

		assertThat(check.out()).startsWith("Checked 1 streams, 1 channels and 1 chunks with 2 points")
			.contains("all is well");
		assertThat(check.status()).isZero();
	}

	@Test
	void roleThatOnlyReadsIsEnough() throws SQLException {
		String role = "check_" + this.dataId.toString().substring(0, 8);
		execute("CREATE ROLE %s LOGIN PASSWORD 'reads'; GRANT SELECT ON stream, channel, chunk TO %1$s"
			.formatted(role));
		execute("ALTER ROLE %s SET default_transaction_read_only = on".formatted(role));
		try {
			CommandRun check = CommandRun.on(new TestDatabase(database.url(), role, "reads"), "check", "--stream",
					this.dataId.toString());

			assertThat(check.out()).contains("4 chunks with 12 points", "all is well");
			assertThat(check.err()).isEmpty();
		}
		finally {
			execute("DROP OWNED BY %s; DROP ROLE %1$s".formatted(role));
		}
	}

	@Test
	void databaseThatDoesNotAnswerIsOneLine() {
		CommandRun check = CommandRun.on(new TestDatabase("jdbc:postgresql://127.0.0.1:1/metrology", "a", "secret"),
				"check");

		assertThat(check.status()).isEqualTo(1);
		assertThat(check.err().lines()).hasSize(1);
		assertThat(check.err()).contains("127.0.0.1:1/metrology", "SPRING_DATASOURCE_URL").doesNotContain("secret");
	}

	@Test
	void writesBesideTheCheckAreNoFindings() throws Exception {
		TestDatabase own = TestPostgres.newDatabase();
		AtomicBoolean done = new AtomicBoolean();
		AtomicLong written = new AtomicLong();
		ExecutorService writers = Executors.newFixedThreadPool(6);
		try (TestService busy = TestService.start(own)) {
			UUID shared = UUID.randomUUID();
			// More than a page, so that the sums are of several snapshots.
			IntStream.range(0, 60)
				.forEach((batch) -> requireStored(busy.post("/metrology/stream/chunk/multi",
						Chunks.multi(UUID.randomUUID(), batch, 2, "a", "b"))));
			IntStream.range(0, 2500)
				.forEach((index) -> requireStored(busy.postChunk(Chunks.ofPoints(shared, "a", index, 1))));
			List<Future<?>> running = IntStream.range(0, 6)
				.<Future<?>>mapToObj(
						(seed) -> writers.submit(() -> write(busy, shared, new Random(seed), done, written)))
				.toList();
			long before = written.get();
			for (int i = 0; i < 8; i++) {
				CommandRun check = CommandRun.on(own, "check");
				assertThat(check.out()).contains("all is well");
				assertThat(check.status()).as(check.out() + check.err()).isZero();
			}
			assertThat(written.get()).isGreaterThan(before + 100);
			done.set(true);
			for (Future<?> writer : running) {
				writer.get();
			}
		}
		finally {
			done.set(true);
			writers.shutdown();
		}
	}

	/** New chunks and replacements, shorter and longer; streams made and deleted. */
	private static void write(TestService busy, UUID shared, Random random, AtomicBoolean done, AtomicLong written) {
		UUID own = UUID.randomUUID();
		for (int i = 0; !done.get(); i++) {
			requireStored(busy.postChunk(Chunks.ofPoints(shared, "a", random.nextInt(2600), 1 + random.nextInt(5))));
			requireStored(busy.post("/metrology/stream/chunk/multi", Chunks.multi(own, i, 1 + i % 3, "a", "b", "c")));
			if (i % 10 == 9) {
				busy.delete("/metrology/stream/" + own);
				own = UUID.randomUUID();
			}
			written.addAndGet(2);
		}
	}

	@Test
	void chunkThatCannotBeReadIsNamedAndTheOthersAreChecked(@TempDir Path folder) throws Exception {
		UUID damaged = UUID.randomUUID();
		Path file = storeBelow(folder, IntStream.range(0, 40).mapToObj((index) -> noise(damaged, index)),
				"VACUUM (FREEZE) chunk", "(SELECT reltoastrelid FROM pg_class WHERE oid = 'chunk'::regclass)");
		damageMiddle(file);

		CommandRun check = CommandRun.of("check", "--metrology.data-dir=" + folder.resolve("data"));

		assertThat(check.out()).contains("it cannot be read: ERROR: invalid page in block")
			.contains("data_id " + damaged + ", channel noise, chunk_index ");
		long unreadable = check.out().lines().filter((line) -> line.contains("cannot be read")).count();
		assertThat(unreadable).isBetween(1L, 3L);
		assertThat(check.out())
			.contains("and %d chunks with %,d points".formatted(40 - unreadable, (40 - unreadable) * 2000));
		assertThat(check.status()).isEqualTo(1);
		assertThat(folder.resolve("data/postgresql/postmaster.pid")).doesNotExist();
	}

	/** Never vacuumed: even a chunk's key is read from the table's page then. */
	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			3   | no channel begins in the middle
			90  | each page has the first chunk of a channel
			""")
	void damagedPageOfTheTableIsNamedAndWhatIsBehindItIsChecked(int channels, String why, @TempDir Path folder)
			throws Exception {
		UUID damaged = UUID.randomUUID();
		Path file = storeBelow(folder, IntStream.range(0, 900).mapToObj((i) -> {
			int index = i % (900 / channels);
			return Chunks.ofPoints(damaged, "channel %02d".formatted(i / (900 / channels)), index, 5);
		}), "UPDATE chunk SET missing_count = 7 WHERE channel_name IN ('channel 00', 'channel %02d') AND chunk_index = 9"
			.formatted(channels - 1), "'chunk'::regclass");
		damageMiddle(file);

		CommandRun check = CommandRun.of("check", "--metrology.data-dir=" + folder.resolve("data"));

		assertThat(check.out()).as(why)
			.contains("data_id %s, channel channel %02d: not all of chunk_index ".formatted(damaged, channels / 2))
			.contains("can be read: ERROR: invalid page in block")
			.contains("channel channel 00, chunk_index 9: missing_count is 7")
			.contains("channel channel %02d, chunk_index 9: missing_count is 7".formatted(channels - 1))
			.containsPattern("Checked 1 streams, \\d+ channels and 8\\d\\d chunks");
		assertThat(check.err()).isEmpty();
		assertThat(check.status()).isEqualTo(1);
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			stream  | table stream: not all of it can be read: ERROR: invalid page
			channel | table channel: not all of it can be read: ERROR: invalid page
			chunk   | not all of chunk_index 0 to
			""")
	void tableOfWhichNothingCanBeReadIsNamed(String table, String finding, @TempDir Path folder) throws Exception {
		UUID damaged = UUID.randomUUID();
		Path file = storeBelow(folder, Stream.of(Chunks.ofPoints(damaged, "pressure", 0, 5)), "SELECT 1",
				"'%s'::regclass".formatted(table));
		damageMiddle(file);

		CommandRun check = CommandRun.of("check", "--metrology.data-dir=" + folder.resolve("data"));

		assertThat(check.out()).contains(finding).contains(" findings");
		assertThat(check.err()).isEmpty();
		assertThat(check.status()).isEqualTo(1);
	}

	/**
	 * Stores chunks in a server of its own, executes a statement there, and stops it.
	 * @return the file of a relation
	 */
	private static Path storeBelow(Path folder, Stream<String> chunks, String statement, String relation)
			throws SQLException {
		try (EmbeddedTestServer server = EmbeddedTestServer.startBelow(folder)) {
			TestDatabase own = new TestDatabase(server.url(), server.username(), server.password());
			try (TestService writing = TestService.start(own)) {
				chunks.forEach((chunk) -> requireStored(writing.postChunk(chunk)));
			}
			try (Connection connection = own.connect(); Statement statements = connection.createStatement()) {
				statements.execute(statement);
				try (ResultSet row = statements.executeQuery("SELECT pg_relation_filepath(%s)".formatted(relation))) {
					row.next();
					return folder.resolve("data/postgresql").resolve(row.getString(1));
				}
			}
		}
	}

	/** A chunk too large for its row, and that does not compress. */
	private static String noise(UUID dataId, int index) {
		Random random = new Random(index);
		List<Double> times = IntStream.range(0, 2000)
			.mapToObj((i) -> index * 2000.0 + i + random.nextDouble())
			.toList();
		List<Double> values = DoubleStream.generate(random::nextGaussian).limit(2000).boxed().toList();
		return Chunks.of(dataId, "noise", index, times, values, null);
	}

	/** Changes one page in the middle of a table. */
	private static void damageMiddle(Path table) throws Exception {
		byte[] bytes = Files.readAllBytes(table);
		byte[] garbage = "garbage".getBytes(StandardCharsets.US_ASCII);
		System.arraycopy(garbage, 0, bytes, bytes.length / 2 / 8192 * 8192 + 4000, garbage.length);
		Files.write(table, bytes);
	}

	private CommandRun checkStream() {
		return CommandRun.on(database, "check", "--stream", this.dataId.toString());
	}

	private static void post(String chunk) {
		requireStored(service.postChunk(chunk));
	}

	private static void requireStored(Answer answer) {
		assertThat(answer.status()).as(answer.body()).isEqualTo(201);
	}

	private static void execute(String sql) throws SQLException {
		try (Connection connection = database.connect(); Statement statement = connection.createStatement()) {
			statement.execute(sql);
		}
	}

}
