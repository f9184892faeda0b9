package io.metrology.database;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.assertj.core.api.ThrowableAssertAlternative;
import org.awaitility.Awaitility;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/** With which databases the service starts, and how it waits for one. */
@ExtendWith(OutputCaptureExtension.class)
class DatabaseGateIT {

	@Test
	void waitsUntilTheServerAnswers(@TempDir Path parent, CapturedOutput output) throws Exception {
		Path folder = ServerFolders.newFolder(parent);
		int port = FreePort.find();
		EmbeddedServer first = EmbeddedServer.start(folder, port);
		first.close();
		TestDatabase database = new TestDatabase(first.url(), first.username(), first.password());

		CompletableFuture<Void> start = CompletableFuture.runAsync(() -> migrate(database, false));
		awaitWarning(output, "Waiting for PostgreSQL at 127.0.0.1:" + port + "/metrology: ");
		assertThat(start).isNotDone();

		try (EmbeddedServer server = EmbeddedServer.start(folder, port)) {
			assertThat(start).succeedsWithin(10, TimeUnit.SECONDS);
			assertThat(Sql.value(server, "select to_regclass('flyway_schema_history')")).isNotNull();
		}
	}

	@Test
	void interruptEndsTheWaiting(CapturedOutput output) throws Exception {
		TestDatabase nowhere = new TestDatabase("jdbc:postgresql://127.0.0.1:" + FreePort.find() + "/x", "me",
				"secret");
		CompletableFuture<Throwable> failure = new CompletableFuture<>();
		Thread start = new Thread(() -> migrate(nowhere, false));
		start.setUncaughtExceptionHandler((thread, ex) -> failure.complete(ex));
		start.start();
		awaitWarning(output, "Waiting for PostgreSQL");
		Awaitility.await().until(() -> start.getState() == Thread.State.WAITING);

		start.interrupt();

		assertThat(failure).succeedsWithin(5, TimeUnit.SECONDS)
			.asInstanceOf(InstanceOfAssertFactories.THROWABLE)
			.isInstanceOf(DatabaseStartException.class)
			.hasMessageContaining("Stopped while waiting");
	}

	@Test
	void wrongPasswordEndsTheStart() {
		TestDatabase database = TestPostgres.newDatabase();

		assertRefused(new TestDatabase(database.url(), database.username(), "guessed")).withMessageContaining("28P01")
			.withMessageNotContaining("guessed");
	}

	@Test
	void missingPasswordEndsTheStart() {
		TestDatabase database = TestPostgres.newDatabase();

		assertRefused(new TestDatabase(database.url(), database.username(), "")).withMessageContaining("password");
	}

	@Test
	void unknownDatabaseEndsTheStart() {
		TestDatabase database = TestPostgres.newDatabase();

		assertRefused(new TestDatabase(database.url().replace("metrology_test_", "no_"), database.username(),
				database.password()))
			.withMessageContaining("3D000");
	}

	@Test
	void safeServerIsMigrated() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();

		migrate(database, false);

		assertThat(Sql.value(database.connect(), "select to_regclass('flyway_schema_history')")).isNotNull();
	}

	@Test
	void serverThatCanLoseDataIsRefusedUnlessAllowed(@TempDir Path parent, CapturedOutput output) throws Exception {
		Path folder = ServerFolders.newFolder(parent);
		int port = FreePort.find();
		EmbeddedServer safe = EmbeddedServer.start(folder, port);
		safe.close();
		TestDatabase database = new TestDatabase(safe.url(), safe.username(), safe.password());
		try (UnsafeServer unsafe = UnsafeServer.start(folder, port)) {
			assertThat(unsafe).isNotNull();
			assertRefused(database).withMessageContaining("fsync=off and full_page_writes=on");

			migrate(database, true);

			assertThat(output).contains("UNSAFE: PostgreSQL at 127.0.0.1:" + port);
		}
	}

	private static void awaitWarning(CapturedOutput output, String text) {
		Awaitility.await().until(() -> output.getAll().contains(text));
	}

	private static ThrowableAssertAlternative<DatabaseStartException> assertRefused(TestDatabase database) {
		return assertThatExceptionOfType(DatabaseStartException.class).isThrownBy(() -> migrate(database, false));
	}

	private static void migrate(TestDatabase database, boolean allowUnsafeDurability) {
		Flyway flyway = Flyway.configure()
			.dataSource(database.url(), database.username(), database.password())
			.locations("classpath:no-migrations")
			.load();
		new DatabaseGate(DatabaseAddress.of(database.url()), allowUnsafeDurability).migrate(flyway);
	}

	/** A server on the folder with {@code fsync} off. */
	private record UnsafeServer(DataFolder folder, PostgresPrograms programs) implements AutoCloseable {

		static UnsafeServer start(Path path, int port) throws IOException {
			DataFolder folder = DataFolder.open(path);
			PostgresPrograms programs = PostgresPrograms.unpackInto(folder, PostgresArchive.forThisPlatform());
			programs.run("pg_ctl", "start", "--wait", "--pgdata=" + folder.cluster(),
					"--log=" + folder.log().resolve("start.log"),
					"--options=-c port=" + port + " -c unix_socket_directories= -c fsync=off");
			return new UnsafeServer(folder, programs);
		}

		@Override
		public void close() {
			this.programs.run("pg_ctl", "stop", "--wait", "--mode=fast", "--pgdata=" + this.folder.cluster());
			this.folder.close();
		}

	}

}
