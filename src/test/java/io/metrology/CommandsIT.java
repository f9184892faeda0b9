package io.metrology;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

import io.metrology.TestPostgres.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/** The operator's commands, each a process of its own, as they are typed. */
class CommandsIT {

	@TempDir
	private Path folder;

	@Test
	void firstKeyIsMadeBeforeTheServiceAndClosesItAndAllCanBeDoneBesideIt() throws Exception {
		Map<String, String> settings = Map.of("METROLOGY_DATA_DIR", this.folder.resolve("data").toString());
		Output made = run(settings, "keys", "create", "--name", "Ofen 3", "--scopes", "read,write");
		assertThat(made.status()).as(made.err()).isZero();
		assertThat(made.out()).matches("mik_[A-Za-z0-9_-]{43}\\R");
		assertThat(made.err()).contains("Ofen 3").doesNotContain(made.out().strip());
		String[] service = { "--server.port=0", "--metrology.data-dir=" + settings.get("METROLOGY_DATA_DIR") };
		try (TestService running = TestService.startEmbedded(service)) {
			assertThat(running.get("/metrology/streams").code()).isEqualTo("api_key_missing");
			assertThat(running.getWith(made.out().strip(), "/metrology/streams").status()).isEqualTo(200);
			Output second = run(settings, "keys", "create", "--name", "second", "--scopes", "read", "--expires",
					"2999-01-31");
			assertThat(second.status()).as(second.err()).isZero();
			assertThat(running.getWith(second.out().strip(), "/metrology/streams").status()).isEqualTo(200);
			String line = run(settings, "keys", "list").out()
				.lines()
				.filter((key) -> key.endsWith("second"))
				.findFirst()
				.orElseThrow();
			assertThat(line).contains("2999-01-31T00:00:00Z").doesNotContain(second.out().strip());
			assertThat(run(settings, "keys", "revoke", line.substring(0, 36)).status()).isZero();
			for (int i = 0; i < 200
					&& running.getWith(second.out().strip(), "/metrology/streams").status() == 200; i++) {
				Thread.sleep(50);
			}
			assertThat(running.getWith(second.out().strip(), "/metrology/streams").code()).isEqualTo("api_key_revoked");
		}
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			value = { "nonsense | 2 | nonsense", "keys | 2 | Create, list or revoke",
					"keys create --name a | 2 | --scopes", "keys create --name a --scopes reed | 2 | reed",
					"keys create --name a --scopes read --expires tomorrow | 2 | tomorrow",
					"keys create --name a --scopes read --expires 2020-01-01 | 2 | future", "keys revoke x | 2 | x",
					"keys list | 1 | no database" })
	void whatIsWrongIsNamedAndTheStatusSaysSo(String command, int status, String named) throws Exception {
		Output output = run(Map.of("METROLOGY_DATA_DIR", this.folder.resolve("none").toString()), command.split(" "));
		assertThat(output.status()).isEqualTo(status);
		assertThat(output.err()).contains(named).doesNotContain("\tat ").hasLineCount(1);
		assertThat(output.out()).isEmpty();
		assertThat(this.folder.resolve("none")).doesNotExist();
	}

	@Test
	void databaseThatCannotBeReachedIsNamedAtOnce() throws Exception {
		Output output = run(Map.of("SPRING_DATASOURCE_URL", "jdbc:postgresql://127.0.0.1:1/lab"), "keys", "list");
		assertThat(output.status()).isEqualTo(1);
		assertThat(output.err()).contains("127.0.0.1:1/lab");
	}

	@Test
	void checkSaysWhatItCheckedAndNamesTheDamage() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		Map<String, String> settings = Map.of("SPRING_DATASOURCE_URL", database.url(), "SPRING_DATASOURCE_USERNAME",
				database.username(), "SPRING_DATASOURCE_PASSWORD", database.password());
		try (TestService service = TestService.start(database)) {
			service.postChunk(
					"""
							{"data_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "chunk_index": 0, "channel_name": "thickness", "timestamps": [1, 2], "values": [3, null]}""");
		}
		Output whole = run(settings, "check");
		assertThat(whole.status()).as(whole.err()).isZero();
		assertThat(whole.out()).contains("1 stream").contains("2 points");
		try (StoredRows rows = new StoredRows(database)) {
			rows.execute("UPDATE channel SET total_points = 3");
		}
		Output damaged = run(settings, "check", "--stream", "d290f1ee-6c54-4b01-90e6-d701748f0851");
		assertThat(damaged.status()).isEqualTo(1);
		assertThat(damaged.out()).contains("channel thickness: total_points is 3, should be 2");
	}

	@Test
	void helpAndVersionAreThere() throws Exception {
		assertThat(run(Map.of(), "--help").out()).contains("keys");
		assertThat(run(Map.of(), "--version").out()).contains("metrology-ingest");
	}

	private static Output run(Map<String, String> settings, String... arguments) throws Exception {
		List<String> command = new ArrayList<>(
				List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
						System.getProperty("java.class.path"), MetrologyIngestApplication.class.getName()));
		command.addAll(List.of(arguments));
		ProcessBuilder builder = new ProcessBuilder(command);
		builder.environment().putAll(new HashMap<>(settings));
		Process process = builder.start();
		CompletableFuture<String> err = CompletableFuture.supplyAsync(() -> text(process.getErrorStream()));
		String out = text(process.getInputStream());
		return new Output(process.waitFor(), out, err.get());
	}

	private static String text(InputStream stream) {
		try (stream) {
			return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/**
	 * What a command said.
	 *
	 * @param status what it ended with
	 * @param out its output
	 * @param err what it said beside it
	 */
	private record Output(int status, String out, String err) {

	}

}
