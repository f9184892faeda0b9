package io.metrology.launch;

import java.util.Locale;
import java.util.stream.Stream;

/**
 * The settings that count before Spring starts: program arguments, system properties and
 * the environment, in this order.
 */
final class EarlySettings {

	private final String[] arguments;

	private EarlySettings(String[] arguments) {
		this.arguments = arguments;
	}

	static EarlySettings of(String[] arguments) {
		return new EarlySettings(arguments);
	}

	String get(String name, String otherwise) {
		String prefix = "--" + name + "=";
		String environment = name.replace('.', '_').toUpperCase(Locale.ROOT);
		Stream<String> given = Stream.of(this.arguments)
			.filter((argument) -> argument.startsWith(prefix))
			.map((argument) -> argument.substring(prefix.length()));
		Stream<String> others = Stream
			.of(System.getProperty(name, ""), variable(environment.replace("-", "")),
					variable(environment.replace('-', '_')))
			.filter((value) -> !value.isEmpty());
		return Stream.concat(given, others).findFirst().orElse(otherwise);
	}

	private static String variable(String name) {
		String value = System.getenv(name);
		return (value != null) ? value : "";
	}

}
