package io.metrology.launch;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

class CommandLineTests {

	private final LaunchCopy copy = new LaunchCopy(Path.of("/data/launch/copy"));

	@Test
	void optionsAndArgumentsAreKept() {
		assertThat(inCopy("java", "-Xmx1g", "-Dname=a b", "-jar", "service.jar", "--server.port=1", "--", "x"))
			.startsWith("java", "-Dmetrology.launch.copy=/data/launch/copy")
			.endsWith("-Xmx1g", "-Dname=a b", "-jar", "/data/launch/copy/metrology-ingest.jar", "--server.port=1", "--",
					"x");
	}

	@ParameterizedTest
	@ValueSource(strings = { "-agentlib:jdwp=transport=dt_socket", "-javaagent:agent.jar", "-Xshare:off",
			"-XX:SharedArchiveFile=other.jsa", "-XX:AOTCache=other.aot", "-XX:-AutoCreateSharedArchive" })
	void processWithAnArchiveOrAnAgentIsLeftAlone(String option) {
		assertThat(inCopy("java", option, "-jar", "service.jar")).isEmpty();
	}

	@Test
	void processWithoutAJarIsLeftAlone() {
		assertThat(inCopy("java", "@options", "service.jar")).isEmpty();
	}

	private List<String> inCopy(String... arguments) {
		CommandLine commandLine = new CommandLine(Path.of("/usr/bin/java"),
				Stream.of(arguments).map((argument) -> argument.getBytes(StandardCharsets.UTF_8)).toList());
		return commandLine.inCopy(this.copy)
			.stream()
			.map((argument) -> new String(argument, StandardCharsets.UTF_8))
			.toList();
	}

}
