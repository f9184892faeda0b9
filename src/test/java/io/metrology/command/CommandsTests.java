package io.metrology.command;

import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/** What the command line understands, before any database. */
class CommandsTests {

	@ParameterizedTest
	@ValueSource(strings = { "", "--server.port=8081", "--debug", "--server.port=8081 --metrology.data-dir=/srv/data" })
	void argumentsOfTheServiceAreNoCommand(String line) {
		assertThat(Commands.areMeantBy(words(line))).isFalse();
	}

	@ParameterizedTest
	@ValueSource(strings = { "check", "--metrology.data-dir=/srv/data check", "--help", "-h", "--version", "-V",
			"chekc", "--server.port 8081" })
	void anyWordAsksForACommand(String line) {
		assertThat(Commands.areMeantBy(words(line))).isTrue();
	}

	@Test
	void helpShowsTheUsageOfEveryCommand() {
		CommandRun help = CommandRun.of("--help");

		assertThat(help.status()).isZero();
		assertThat(help.out()).contains("check [-hV] [--stream=UUID]...", "Exit status: 0 done");
		assertThat(help.err()).isEmpty();
	}

	@Test
	void versionIsTold() {
		CommandRun version = CommandRun.of("--version");

		assertThat(version.status()).isZero();
		assertThat(version.out()).startsWith("metrology-ingest ");
	}

	@ParameterizedTest
	@ValueSource(strings = { "chekc", "check --strem", "check --stream thickness", "--server.port 8081" })
	void whatIsNotUnderstoodIsOneLineAndStatusTwo(String line) {
		CommandRun refused = CommandRun.of(words(line));

		assertThat(refused.status()).isEqualTo(2);
		assertThat(refused.out()).isEmpty();
		assertThat(refused.err().lines()).hasSize(1);
		assertThat(refused.err()).contains("--help");
	}

	@Test
	void unknownSettingsFileIsOneLineAndStatusOne() {
		CommandRun failed = CommandRun.of("check", "--spring.config.location=file:/nowhere.yml");

		assertThat(failed.status()).isEqualTo(1);
		assertThat(failed.err().lines()).hasSize(1);
		assertThat(failed.err()).contains("/nowhere.yml");
	}

	@Test
	void missingDataFolderIsAnErrorAndNotMade() {
		CommandRun failed = CommandRun.of("check", "--metrology.data-dir=target/no-such-folder");

		assertThat(failed.status()).isEqualTo(1);
		assertThat(failed.err().lines()).hasSize(1);
		assertThat(failed.err()).contains("no database in the data folder", "target/no-such-folder",
				"METROLOGY_DATA_DIR");
		assertThat(Path.of("target/no-such-folder")).doesNotExist();
	}

	private static String[] words(String line) {
		return line.isEmpty() ? new String[0] : line.split(" ");
	}

}
