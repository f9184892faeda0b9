package io.metrology.command;

import io.metrology.database.DatabaseStartException;
import io.metrology.http.ProblemException;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine;

import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.core.NestedExceptionUtils;

/**
 * The operator's command line. Without a command the service is started; its own
 * arguments, such as {@code --server.port=8081}, are no commands.
 */
@Command(name = "java -jar metrology-ingest.jar", mixinStandardHelpOptions = true, versionProvider = Version.class,
		description = "Without a command, starts the service. A command works on the service's database, as its "
				+ "settings name it (SPRING_DATASOURCE_URL or METROLOGY_DATA_DIR), also while the service runs.",
		subcommands = KeysCommand.class)
public final class OperatorCommands {

	private static final int FAILED = 1;

	private OperatorCommands() {
	}

	/** Whether the arguments are for a command, rather than for the service. */
	public static boolean areMeant(String... arguments) {
		return arguments.length > 0
				&& (!arguments[0].startsWith("-") || arguments[0].matches("--help|-h|--version|-V"));
	}

	/**
	 * Runs a command.
	 * @return what the process is to end with: 0 if it is done, 1 if it failed or found
	 * something wrong, 2 if it was not understood
	 */
	public static int run(String... arguments) {
		// What a command has to say it says itself, on its own output.
		LoggingSystem.get(OperatorCommands.class.getClassLoader())
			.setLogLevel(LoggingSystem.ROOT_LOGGER_NAME, LogLevel.OFF);
		return new CommandLine(new OperatorCommands()).setExecutionExceptionHandler(OperatorCommands::report)
			.execute(arguments);
	}

	/** Says what is wrong, and what to do, where that is known. */
	private static int report(Exception failure, CommandLine command, ParseResult parsed) {
		command.getErr().println(text(failure));
		return FAILED;
	}

	private static String text(Exception failure) {
		if (failure instanceof ProblemException problem) {
			return problem.detail();
		}
		if (failure instanceof DatabaseStartException start) {
			return start.problem() + ". " + start.action();
		}
		return String.valueOf(NestedExceptionUtils.getMostSpecificCause(failure).getMessage());
	}

}
