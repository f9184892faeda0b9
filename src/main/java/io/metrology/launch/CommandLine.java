package io.metrology.launch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The program of a process and its arguments as bytes, because an argument may have a
 * character that the default charset has not.
 */
final class CommandLine {

	/** With these the JVM has an archive already, or code that must not start twice. */
	private static final Pattern SPECIAL = Pattern.compile(
			"-agent.*|-javaagent.*|-Xrun.*|-Xdebug.*|-Xshare.*|-XX:[+-]?(AOT|Shared|Archive|AutoCreate|Flags|CRaC).*");

	private final Path program;

	private final List<byte[]> arguments;

	CommandLine(Path program, List<byte[]> arguments) {
		this.program = program;
		this.arguments = arguments;
	}

	static CommandLine ofThisProcess() throws IOException {
		List<byte[]> arguments = new ArrayList<>();
		ByteArrayOutputStream argument = new ByteArrayOutputStream();
		for (byte next : Files.readAllBytes(Path.of("/proc/self/cmdline"))) {
			if (next != 0) {
				argument.write(next);
			}
			else {
				arguments.add(argument.toByteArray());
				argument.reset();
			}
		}
		return new CommandLine(Path.of("/proc/self/exe").toRealPath(), arguments);
	}

	Path program() {
		return this.program;
	}

	/**
	 * Returns the command that starts the copy with the same options and arguments.
	 * @return empty if this process was not started in a plain way
	 */
	List<byte[]> inCopy(LaunchCopy copy) {
		int jar = indexOf("-jar");
		boolean special = Stream
			.concat(texts(1, jar), Stream.of("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS").flatMap(CommandLine::words))
			.anyMatch((option) -> SPECIAL.matcher(option).matches());
		if (jar < 0 || jar + 1 >= this.arguments.size() || special) {
			return List.of();
		}
		List<byte[]> command = new ArrayList<>();
		command.add(this.arguments.get(0));
		copy.options().forEach((option) -> command.add(option.getBytes(StandardCharsets.UTF_8)));
		command.addAll(this.arguments.subList(1, jar + 1));
		command.add(copy.jar().toString().getBytes(StandardCharsets.UTF_8));
		command.addAll(this.arguments.subList(jar + 2, this.arguments.size()));
		return command;
	}

	private int indexOf(String option) {
		return texts(0, this.arguments.size()).toList().indexOf(option);
	}

	private Stream<String> texts(int from, int to) {
		return this.arguments.subList(from, Math.max(from, to))
			.stream()
			.map((argument) -> new String(argument, StandardCharsets.ISO_8859_1));
	}

	private static Stream<String> words(String variable) {
		String value = System.getenv(variable);
		return (value != null) ? Stream.of(value.trim().split("\\s+")) : Stream.empty();
	}

}
