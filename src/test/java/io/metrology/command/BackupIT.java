package io.metrology.command;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.MetrologyIngestApplication;
import io.metrology.StoredChannel;
import io.metrology.StoredRows;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import io.metrology.database.EmbeddedTestServer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** The command {@code backup}: what it copies is what was acknowledged, and starts. */
class BackupIT {

	private static final int POSTERS = 6;

	private static final Pattern HOLDS_UNTIL = Pattern.compile("acknowledged before (\\S+) ");

	@TempDir
	private Path parent;

	private Path data;

	private Path backup;

	private EmbeddedTestServer server;

	private TestDatabase database;

	@BeforeEach
	void start() {
		this.data = this.parent.resolve("data");
		this.backup = this.parent.resolve("backup");
		this.server = EmbeddedTestServer.startBelow(this.parent);
		this.database = database(this.server);
	}

	@AfterEach
	void stop() {
		this.server.close();
	}

	@Test
	void backupUnderLoadHoldsAllThatWasAcknowledgedBeforeItsEnd() throws Exception {
		List<Poster> posters;
		CommandRun run;
		AtomicBoolean done = new AtomicBoolean();
		ExecutorService threads = Executors.newFixedThreadPool(POSTERS + 1);
		try (TestService service = TestService.start(this.database)) {
			posters = IntStream.range(0, POSTERS).mapToObj((i) -> new Poster(service, done)).toList();
			List<Future<Void>> running = Stream.concat(posters.stream(), Stream.<Callable<Void>>of(() -> churn(done)))
				.map(threads::submit)
				.toList();
			await(() -> posters.stream().allMatch((poster) -> poster.acknowledged.size() > 30));

			run = backUp();

			int atTheEnd = acknowledged(posters);
			await(() -> acknowledged(posters) > atTheEnd + 50);
			done.set(true);
			for (Future<Void> thread : running) {
				thread.get();
			}
			assertThat(check(this.data).out()).contains("all is well");
			assertThat(slots()).isZero();
		}
		finally {
			done.set(true);
			threads.shutdown();
		}
		assertThat(run.err()).isEmpty();
		assertThat(run.status()).isZero();
		assertThat(check(this.backup).out()).contains("all is well");
		Matcher holdsUntil = HOLDS_UNTIL.matcher(run.out());
		assertThat(holdsUntil.find()).as(run.out()).isTrue();
		assertHolds(posters, Instant.parse(holdsUntil.group(1)));
	}

	private void assertHolds(List<Poster> posters, Instant until) throws SQLException {
		try (EmbeddedTestServer restored = EmbeddedTestServer.start(this.backup);
				StoredRows rows = new StoredRows(database(restored))) {
			for (Poster poster : posters) {
				StoredChannel channel = rows.channels(poster.dataId).get("thickness");
				assertThat(poster.acknowledged).anyMatch((chunk) -> chunk.at().isAfter(until));
				assertThat(poster.acknowledged.stream().filter((chunk) -> chunk.at().isBefore(until)))
					.hasSizeGreaterThan(30)
					.allSatisfy((chunk) -> {
						assertThat(channel.chunks()).containsKey(chunk.index());
						assertThat(poster.hashesSince(chunk)).contains(channel.chunks().get(chunk.index()).hash());
					});
			}
		}
	}

	/** Lets files appear, vanish, shrink and be written back while they are copied. */
	private Void churn(AtomicBoolean done) throws SQLException {
		try (Connection connection = this.database.connect(); Statement statement = connection.createStatement()) {
			while (!done.get()) {
				statement
					.execute("CREATE TABLE fleeting AS SELECT n, repeat('x', 500) FROM generate_series(1, 2000) n");
				statement.execute("CHECKPOINT");
				statement.execute("VACUUM FULL channel");
				statement.execute("DROP TABLE fleeting");
				statement.execute("VACUUM chunk");
			}
		}
		return null;
	}

	@Test
	void stoppedServiceIsBackedUpAsWell() throws Exception {
		UUID dataId = UUID.randomUUID();
		store(dataId);
		this.server.close();

		CommandRun run = backUp();

		assertThat(run.status()).as(run.err()).isZero();
		assertThat(this.data.resolve("postgresql/postmaster.pid")).doesNotExist();
		assertThat(CommandRun.of("check", "--stream", dataId.toString(), "--metrology.data-dir=" + this.backup).out())
			.contains("1 chunks with 5 points", "all is well");
	}

	@Test
	void nobodyElseCanReadTheBackup() throws Exception {
		assertThat(backUp().status()).isZero();

		try (Stream<Path> files = Files.walk(this.backup)) {
			assertThat(files)
				.allSatisfy((file) -> assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
					.isEqualTo(Files.isDirectory(file) ? "rwx------" : "rw-------"));
		}
	}

	@Test
	void killedBackupLeavesNoSlotAndNothingThatStarts() throws Exception {
		try (RandomAccessFile file = new RandomAccessFile(this.data.resolve("postgresql/long").toFile(), "rw")) {
			// Long enough that its copy is not done before the kill.
			file.setLength(4L << 30);
		}
		Process command = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
				System.getProperty("java.class.path"), MetrologyIngestApplication.class.getName(), "backup",
				this.backup.toString(), "--metrology.data-dir=" + this.data)
			.redirectErrorStream(true)
			.redirectOutput(this.parent.resolve("output").toFile())
			.start();
		try {
			await(() -> !unfinished().isEmpty() && Files.exists(unfinished().get(0).resolve("postgresql/PG_VERSION")));
			assertThat(slots()).isEqualTo(1);
		}
		finally {
			command.destroyForcibly().waitFor();
		}

		await(() -> slots() == 0);
		assertThat(this.backup).doesNotExist();
		assertThatThrownBy(() -> EmbeddedTestServer.start(unfinished().get(0)))
			.hasMessageContaining("is not one of this service");
		store(UUID.randomUUID());
	}

	@Test
	void backupThatFailsLeavesNothing() throws Exception {
		Path elsewhere = Files.createDirectory(this.parent.resolve("elsewhere"));
		Files.createSymbolicLink(this.data.resolve("postgresql/link"), elsewhere);

		CommandRun run = backUp();

		assertThat(run.status()).isEqualTo(1);
		assertThat(run.err()).contains("postgresql/link is a link to a folder");
		assertThat(run.err().lines()).hasSize(1);
		assertThat(this.parent).isDirectoryNotContaining((file) -> file.getFileName().toString().startsWith("backup"));
		assertThat(slots()).isZero();
	}

	@Test
	void serverWithTablespacesIsRefused() throws Exception {
		Path elsewhere = Files.createDirectory(this.parent.resolve("elsewhere"));
		execute("CREATE TABLESPACE large LOCATION '" + elsewhere + "'");

		CommandRun run = backUp();

		assertThat(run.status()).isEqualTo(1);
		assertThat(run.err()).contains("tablespaces");
		assertThat(slots()).isZero();
	}

	@Test
	void placeThatIsNoneIsRefused() throws Exception {
		Files.createDirectory(this.backup);

		assertThat(backUp().err()).contains(this.backup.toString(), "exists already");
		this.backup = this.data.resolve("postgresql/backup");
		assertThat(backUp().err()).contains("inside of the data folder");
		this.backup = this.parent.resolve("no/where");
		assertThat(backUp().err()).contains("There is no folder " + this.parent.resolve("no"));
	}

	@Test
	void otherServerIsLeftToItsOwnPrograms() {
		CommandRun run = CommandRun.on(this.database, "backup", this.backup.toString());

		assertThat(run.status()).isEqualTo(1);
		assertThat(run.err()).contains("pg_basebackup", "docs/backup.md");
		assertThat(this.backup).doesNotExist();
	}

	private CommandRun backUp() {
		return CommandRun.of("backup", this.backup.toString(), "--metrology.data-dir=" + this.data);
	}

	private static CommandRun check(Path folder) {
		return CommandRun.of("check", "--metrology.data-dir=" + folder);
	}

	private void store(UUID dataId) {
		try (TestService service = TestService.start(this.database)) {
			assertThat(service.postChunk(Chunks.ofPoints(dataId, "thickness", 0, 5)).status()).isEqualTo(201);
		}
	}

	private List<Path> unfinished() throws IOException {
		try (Stream<Path> files = Files.list(this.parent)) {
			return files.filter((file) -> file.getFileName().toString().startsWith("backup.unfinished-")).toList();
		}
	}

	private int slots() throws SQLException {
		try (Connection connection = this.database.connect();
				Statement statement = connection.createStatement();
				ResultSet row = statement.executeQuery("SELECT count(*) FROM pg_replication_slots")) {
			row.next();
			return row.getInt(1);
		}
	}

	private void execute(String sql) throws SQLException {
		try (Connection connection = this.database.connect(); Statement statement = connection.createStatement()) {
			statement.execute(sql);
		}
	}

	private static int acknowledged(List<Poster> posters) {
		return posters.stream().mapToInt((poster) -> poster.acknowledged.size()).sum();
	}

	private static TestDatabase database(EmbeddedTestServer server) {
		return new TestDatabase(server.url(), server.username(), server.password());
	}

	private static void await(Callable<Boolean> condition) {
		Awaitility.await().atMost(Duration.ofMinutes(2)).pollInterval(Duration.ofMillis(20)).until(condition);
	}

	/** Posts new chunks, and every fifth time another content for an earlier one. */
	private static final class Poster implements Callable<Void> {

		private final UUID dataId = UUID.randomUUID();

		private final List<Acknowledged> acknowledged = new CopyOnWriteArrayList<>();

		private final TestService service;

		private final AtomicBoolean done;

		Poster(TestService service, AtomicBoolean done) {
			this.service = service;
			this.done = done;
		}

		@Override
		public Void call() {
			for (int i = 0; !this.done.get(); i++) {
				int index = (i % 5 == 4) ? i / 2 : i;
				Answer answer = this.service.postChunk(Chunks.ofPoints(this.dataId, "thickness", index, 400 + i % 300));
				assertThat(answer.status()).as(answer.body()).isEqualTo(201);
				this.acknowledged.add(new Acknowledged(index, answer.hash(), Instant.now()));
			}
			return null;
		}

		/** What the chunk may be, once an acknowledged content was stored. */
		List<String> hashesSince(Acknowledged chunk) {
			return this.acknowledged.stream()
				.filter((later) -> later.index() == chunk.index() && !later.at().isBefore(chunk.at()))
				.map(Acknowledged::hash)
				.toList();
		}

	}

	/** A chunk, what it became, and when that was known. */
	private record Acknowledged(int index, String hash, Instant at) {

	}

}
