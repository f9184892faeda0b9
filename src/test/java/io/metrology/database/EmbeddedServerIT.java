package io.metrology.database;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/** What a running embedded server promises. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EmbeddedServerIT {

	private Path parent;

	private Path folder;

	private EmbeddedServer server;

	@BeforeAll
	void startServer(@TempDir Path parent) {
		this.parent = parent;
		this.folder = ServerFolders.newFolder(this.parent);
		this.server = EmbeddedServer.start(this.folder, 0);
	}

	@AfterAll
	void stopServer() {
		this.server.close();
	}

	@Test
	void acknowledgedDataIsOnDisk() throws SQLException {
		assertThat(Sql.value(this.server, """
				select string_agg(name || '=' || setting, ' ' order by name)
				from pg_settings
				where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums')
				""")).isEqualTo("data_checksums=on fsync=on full_page_writes=on synchronous_commit=on");
	}

	@Test
	void noFileCanSwitchDurabilityOff() throws SQLException {
		Sql.execute(this.server, "alter system set fsync = off");
		Sql.execute(this.server, "select pg_reload_conf()");

		assertThat(Sql.value(this.server, "show fsync")).isEqualTo("on");
	}

	@Test
	void servesThisMachineOnly() throws SQLException {
		assertThat(Sql.value(this.server, "show listen_addresses")).isEqualTo("127.0.0.1");
		assertThat(Sql.value(this.server, "show unix_socket_directories")).isEmpty();
	}

	@Test
	void textIsSortedByItsBytes() throws SQLException {
		assertThat(Sql.value(this.server, "select string_agg(t, '' order by t) from (values ('a'), ('B'), ('é')) v(t)"))
			.isEqualTo("Baé");
	}

	@Test
	void secondStartFindsTheData() throws SQLException {
		Sql.execute(this.server, "create table kept as select 42 as answer");
		String password = this.server.password();
		this.server.close();

		this.server = EmbeddedServer.start(this.folder, 0);

		assertThat(Sql.value(this.server, "select answer from kept")).isEqualTo("42");
		assertThat(this.server.password()).isEqualTo(password);
	}

	@Test
	void loginWithoutThePasswordIsRefused() {
		assertThatExceptionOfType(SQLException.class).isThrownBy(() -> login("")).withMessageContaining("password");
		assertThatExceptionOfType(SQLException.class).isThrownBy(() -> login("wrong"))
			.withMessageContaining("password authentication failed");
	}

	@Test
	void everyWayToLogInNeedsThePassword() throws SQLException {
		assertThat(Sql.value(this.server, "select string_agg(distinct auth_method, ',') from pg_hba_file_rules"))
			.isEqualTo("scram-sha-256");
	}

	@Test
	void onlyTheOwnerCanReadWhatIsInTheFolder() throws IOException {
		assertThat(permissions(this.folder.resolve("postgresql-password"))).isEqualTo("rw-------");
		assertThat(List.of("binaries", "postgresql", "log"))
			.allSatisfy((name) -> assertThat(permissions(this.folder.resolve(name))).isEqualTo("rwx------"));
	}

	@Test
	void newFolderIsForItsOwnerOnly() throws Exception {
		Path created = this.parent.resolve("new").resolve("data");

		DataFolder.open(created).close();

		assertThat(permissions(created)).isEqualTo("rwx------");
	}

	@Test
	void runsInASessionOfItsOwn() throws Exception {
		long server = Long.parseLong(Files.readAllLines(this.folder.resolve("postgresql/postmaster.pid")).get(0));

		Process ps = new ProcessBuilder("ps", "-o", "pgid=", "-p", Long.toString(server)).start();

		assertThat(ps.inputReader().readLine().strip()).isEqualTo(Long.toString(server));
	}

	@Test
	void listensOnTheGivenPort() throws Exception {
		this.server.close();
		int port = FreePort.find();

		this.server = EmbeddedServer.start(this.folder, port);

		assertThat(this.server.url()).contains("127.0.0.1:" + port + "/");
	}

	private void login(String password) throws SQLException {
		DriverManager.getConnection(this.server.url(), this.server.username(), password).close();
	}

	private static String permissions(Path file) throws IOException {
		return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
	}

}
