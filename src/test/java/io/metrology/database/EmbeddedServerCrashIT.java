package io.metrology.database;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/** What an earlier run may have left, and that the next start comes through. */
@ExtendWith(OutputCaptureExtension.class)
class EmbeddedServerCrashIT {

	@TempDir
	private Path parent;

	@Test
	void serverOfAKilledServiceIsContinuedAndStoppedInTheEnd() throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		createTable(folder);
		ProcessHandle orphan = leaveServer(folder);

		try (EmbeddedServer server = EmbeddedServer.start(folder, 0)) {
			assertThat(serverPid(folder)).isEqualTo(orphan.pid());
			assertThat(Sql.value(server, "select answer from kept")).isEqualTo("42");
			assertThat(Sql.value(server, "select current_setting('fsync')")).isEqualTo("on");
		}

		await(() -> !orphan.isAlive());
	}

	@Test
	void sessionsOfTheKilledServiceEndBeforeItsServerIsContinued() throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		createTable(folder);
		leaveServer(folder);
		LocalServer left = LocalServer.runningOn(folder).orElseThrow();
		try (Connection session = DriverManager.getConnection(left.getJdbcUrl(), left.getUsername(),
				left.getPassword()); Statement write = session.createStatement()) {
			session.setAutoCommit(false);
			write.execute("insert into kept values (43)");

			try (EmbeddedServer server = EmbeddedServer.start(folder, 0)) {
				assertThatExceptionOfType(SQLException.class).isThrownBy(session::commit);
				assertThat(Sql.value(server, "select count(*) from kept")).isEqualTo("1");
			}
		}
	}

	@Test
	void continuedServerThatIsKilledIsStartedAgain() throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		createTable(folder);
		ProcessHandle orphan = leaveServer(folder);

		try (EmbeddedServer server = EmbeddedServer.start(folder, 0)) {
			orphan.destroyForcibly();
			await(() -> answersAgain(server, orphan));

			assertThat(Sql.value(server, "select answer from kept")).isEqualTo("42");
		}
	}

	@Test
	void serverOfAKilledServiceIsStoppedIfItsOptionsDiffer() throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		createTable(folder);
		ProcessHandle orphan = leaveServer(folder);
		Path options = folder.resolve("postgresql/postmaster.opts");
		Files.writeString(options, Files.readString(options).replace("fsync=on", "fsync=off"));

		try (EmbeddedServer server = EmbeddedServer.start(folder, 0)) {
			await(() -> !orphan.isAlive());
			assertThat(Sql.value(server, "select answer from kept")).isEqualTo("42");
		}
	}

	@Test
	void serverOfAKilledServiceIsStoppedIfAnotherPortIsWanted() throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		createTable(folder);
		ProcessHandle orphan = leaveServer(folder);
		int port = FreePort.find();

		try (EmbeddedServer server = EmbeddedServer.start(folder, port)) {
			await(() -> !orphan.isAlive());
			assertThat(server.url()).contains(":" + port + "/");
		}
	}

	private static ProcessHandle leaveServer(Path folder) throws Exception {
		Process service = EmbeddedServerProgram.start(folder);
		EmbeddedServerProgram.awaitReady(service);
		ProcessHandle server = ProcessHandle.of(serverPid(folder)).orElseThrow();
		service.destroyForcibly().waitFor();
		assertThat(server.isAlive()).isTrue();
		return server;
	}

	@Test
	void killedServerIsStartedAgain(CapturedOutput output) throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		try (EmbeddedServer server = EmbeddedServer.start(folder, 0)) {
			Sql.execute(server, "create table kept as select 42 as answer");
			for (int time = 1; time <= 2; time++) {
				ProcessHandle killed = ProcessHandle.of(serverPid(folder)).orElseThrow();
				killed.destroyForcibly();
				await(() -> answersAgain(server, killed));
				assertThat(Sql.value(server, "select answer from kept")).isEqualTo("42");
			}
		}

		assertThat(output).contains("has ended unexpectedly");
		assertThat(folder.resolve("postgresql/postmaster.pid")).doesNotExist();
	}

	@Test
	void serverThatCannotStartAgainIsTriedAgainUntilItCan(CapturedOutput output) throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		Path settings = folder.resolve("postgresql/postgresql.auto.conf");
		try (EmbeddedServer server = EmbeddedServer.start(folder, 0)) {
			String sound = Files.readString(settings);
			Files.writeString(settings, "work_mem = plenty\n");
			ProcessHandle killed = ProcessHandle.of(serverPid(folder)).orElseThrow();
			killed.destroyForcibly();
			await(() -> output.getAll().contains("Trying on to start the embedded PostgreSQL"));
			assertThat(output).contains("invalid value for parameter \"work_mem\": \"plenty\"");

			Files.writeString(settings, sound);

			await(() -> answersAgain(server, killed));
		}
	}

	@Test
	void serverThatCannotStartAgainDoesNotKeepTheServiceFromEnding(CapturedOutput output) throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		try (EmbeddedServer server = EmbeddedServer.start(folder, 0)) {
			Files.writeString(folder.resolve("postgresql/postgresql.auto.conf"), "work_mem = plenty\n");
			ProcessHandle.of(serverPid(folder)).orElseThrow().destroyForcibly();
			await(() -> output.getAll().contains("Trying on to start the embedded PostgreSQL"));
		}

		DataFolder.open(folder).close();
	}

	@Test
	void pidFileOfAnotherProgramDoesNotPreventTheStart() throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		createTable(folder);
		Process stranger = new ProcessBuilder("sleep", "600").start();
		try {
			writePidFile(folder, stranger.pid());

			assertStartFindsTable(folder);

			assertThat(stranger.isAlive()).isTrue();
		}
		finally {
			stranger.destroyForcibly();
		}
	}

	@Test
	void pidFileOfAnotherServerDoesNotPreventTheStart() throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		createTable(folder);
		Path otherFolder = ServerFolders.newFolder(Files.createDirectory(this.parent.resolve("other")));
		try (EmbeddedServer other = EmbeddedServer.start(otherFolder, 0)) {
			writePidFile(folder, serverPid(otherFolder));

			assertStartFindsTable(folder);

			assertThat(Sql.value(other, "select 1")).isEqualTo("1");
		}
	}

	@Test
	void pidFileOfAnEndedProcessDoesNotPreventTheStart() throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		createTable(folder);
		Process ended = new ProcessBuilder("true").start();
		ended.waitFor();
		writePidFile(folder, ended.pid());

		assertStartFindsTable(folder);
	}

	@Test
	void emptyPidFileDoesNotPreventTheStart() throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		createTable(folder);
		Files.createFile(folder.resolve("postgresql/postmaster.pid"));

		assertStartFindsTable(folder);
	}

	@Test
	void serviceKilledWhileItCreatesTheClusterCanStartAgain() throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		Process service = EmbeddedServerProgram.start(folder);
		await(() -> !unfinished(folder).isEmpty());
		service.destroyForcibly().waitFor();
		assertThat(folder.resolve("postgresql")).doesNotExist();

		EmbeddedServer.start(folder, 0).close();

		EmbeddedServer.start(folder, 0).close();
		assertThat(unfinished(folder)).isEmpty();
	}

	@Test
	void interruptedStartLeavesNoServer() throws Exception {
		Path folder = ServerFolders.newFolder(this.parent);
		EmbeddedServer.start(folder, 0).close();
		Thread start = new Thread(() -> EmbeddedServer.start(folder, 0));
		start.setUncaughtExceptionHandler((thread, ex) -> {
		});
		start.start();
		await(() -> Files.exists(folder.resolve("postgresql/postmaster.pid")));

		start.interrupt();
		start.join();

		assertThat(folder.resolve("postgresql/postmaster.pid")).doesNotExist();
		DataFolder.open(folder).close();
	}

	@Test
	void interruptedThreadStopsTheServer() {
		Path folder = ServerFolders.newFolder(this.parent);
		EmbeddedServer server = EmbeddedServer.start(folder, 0);

		Thread.currentThread().interrupt();
		server.close();

		assertThat(Thread.interrupted()).isTrue();
		assertThat(folder.resolve("postgresql/postmaster.pid")).doesNotExist();
	}

	@Test
	void failedStartShowsTheLog() throws IOException {
		Path folder = ServerFolders.newFolder(this.parent);
		EmbeddedServer.start(folder, 0).close();
		Files.writeString(folder.resolve("postgresql/postgresql.auto.conf"), "work_mem = plenty\n");

		assertThatExceptionOfType(DatabaseStartException.class).isThrownBy(() -> EmbeddedServer.start(folder, 0))
			.withMessageContaining("invalid value for parameter \"work_mem\": \"plenty\"");
	}

	private static void createTable(Path folder) throws SQLException {
		try (EmbeddedServer server = EmbeddedServer.start(folder, 0)) {
			Sql.execute(server, "create table kept as select 42 as answer");
		}
	}

	private static void assertStartFindsTable(Path folder) throws SQLException {
		try (EmbeddedServer server = EmbeddedServer.start(folder, 0)) {
			assertThat(Sql.value(server, "select answer from kept")).isEqualTo("42");
		}
	}

	private static boolean answersAgain(EmbeddedServer server, ProcessHandle killed) {
		try {
			return !killed.isAlive() && Sql.value(server, "select 1").equals("1");
		}
		catch (SQLException ex) {
			return false;
		}
	}

	private static long serverPid(Path folder) throws IOException {
		return Long.parseLong(Files.readAllLines(folder.resolve("postgresql/postmaster.pid")).get(0));
	}

	private static void writePidFile(Path folder, long pid) throws IOException {
		Path cluster = folder.resolve("postgresql");
		Files.writeString(cluster.resolve("postmaster.pid"),
				"%d\n%s\n1700000000\n5432\n\n127.0.0.1\n".formatted(pid, cluster));
	}

	private static List<Path> unfinished(Path folder) throws IOException {
		try (Stream<Path> entries = Files.list(folder)) {
			return entries.filter((entry) -> entry.getFileName().toString().startsWith("unfinished-")).toList();
		}
	}

	private static void await(Callable<Boolean> condition) {
		Awaitility.await().pollInterval(Duration.ofMillis(5)).until(condition);
	}

}
