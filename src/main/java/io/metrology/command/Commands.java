package io.metrology.command;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

import io.metrology.database.DatabaseStartException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine;

import org.springframework.boot.logging.LoggingSystem;

/**
 * The commands that the program knows. Their results go to standard output; errors are
 * one line on standard error.
 */
public final class Commands {

	/**
	 * A setting of the service has a dot in its name, an option of a command has none.
	 */
	private static final Pattern SETTING = Pattern.compile("--[\\w-]+(\\.[\\w\\[\\]-]+)+(=.*)?", Pattern.DOTALL);

	private static final Set<String> QUESTIONS = Set.of("--help", "-h", "--version", "-V");

	private Commands() {
	}

	/** Whether arguments ask for a command, and not for the service to start. */
	public static boolean areMeantBy(String[] arguments) {
		return Arrays.stream(arguments)
			.anyMatch((argument) -> !argument.startsWith("--") || QUESTIONS.contains(argument));
	}

	/**
	 * Runs the command that the arguments name, to its end.
	 * @return the exit status: 0 if it did what it should, 1 if it failed or found
	 * something wrong, 2 if the arguments are not understood
	 */
	public static int run(String[] arguments) {
		// Without its settings it writes nothing: what matters is said by the command.
		LoggingSystem.get(Commands.class.getClassLoader()).beforeInitialize();
		return run(arguments, writer(System.out), writer(System.err));
	}

	static int run(String[] arguments, PrintWriter out, PrintWriter err) {
		List<String> words = new ArrayList<>(List.of(arguments));
		words.removeIf((argument) -> SETTING.matcher(argument).matches());
		List<String> settings = new ArrayList<>(List.of(arguments));
		settings.removeAll(words);
		return commandLine(new Settings(settings)).setOut(out).setErr(err).execute(words.toArray(String[]::new));
	}

	private static PrintWriter writer(PrintStream stream) {
		return new PrintWriter(stream, true, Charset.defaultCharset());
	}

	private static CommandLine commandLine(Settings settings) {
		CommandLine program = new CommandLine(new Program()).addSubcommand(KeysCommand.commandLine(settings))
			.addSubcommand(new CheckCommand(settings))
			.addSubcommand(new BackupCommand(settings));
		program.getHelpSectionMap().put(UsageMessageSpec.SECTION_KEY_COMMAND_LIST, Commands::usageOfEach);
		return program.setExecutionExceptionHandler((ex, command, parsed) -> {
			command.getErr().println(oneLine(reason(ex)));
			return CommandLine.ExitCode.SOFTWARE;
		}).setParameterExceptionHandler((ex, words) -> {
			CommandLine command = ex.getCommandLine();
			command.getErr()
				.println(oneLine(ex.getMessage()).replaceFirst("[^.?!]$", "$0.") + " See " + usage(command)
						+ " --help.");
			return CommandLine.ExitCode.USAGE;
		});
	}

	private static String usage(CommandLine command) {
		return command.getCommandSpec().qualifiedName();
	}

	/** In place of a list of names, which would have to be asked for one by one. */
	private static String usageOfEach(CommandLine.Help program) {
		StringBuilder usage = new StringBuilder();
		program.subcommands().values().forEach((command) -> {
			usage.append(System.lineSeparator()).append(command.synopsis(0)).append(command.description());
			usage.append(command.parameterList()).append(command.optionList()).append(usageOfEach(command));
		});
		return usage.toString();
	}

	private static String reason(Throwable failure) {
		for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
			if (cause instanceof DatabaseStartException ex) {
				return ex.problem() + ". " + ex.action();
			}
		}
		return Optional.ofNullable(failure.getMessage()).orElseGet(failure::toString);
	}

	private static String oneLine(@Nullable String text) {
		return String.valueOf(text).strip().replaceAll("\\s*\\R\\s*", " ");
	}

	/** Stands for the program itself: what it does without a command is not done here. */
	@Command(name = "java -jar metrology-ingest.jar", mixinStandardHelpOptions = true, usageHelpAutoWidth = true,
			versionProvider = Version.class, synopsisSubcommandLabel = "[COMMAND]",
			description = { "Stores time-series chunks from instruments in PostgreSQL.",
					"Without a command, it starts the service.%n" },
			footer = { "",
					"A command works on the database of the service, also while that runs. It reads the same settings: "
							+ "application.yml or application.properties in the working directory, the environment "
							+ "(SPRING_DATASOURCE_URL, METROLOGY_DATA_DIR, ...) and --name.of.setting=value.",
					"", "Exit status: 0 done, 1 failed or something wrong found, 2 wrong usage." })
	private static final class Program implements Runnable {

		@CommandLine.Spec
		@SuppressWarnings("NullAway.Init")
		private CommandLine.Model.CommandSpec spec;

		@Override
		public void run() {
			throw new ParameterException(this.spec.commandLine(), "Which command?");
		}

	}

	/** The version that the jar was built as. */
	static final class Version implements IVersionProvider {

		@Override
		public String[] getVersion() {
			String version = Commands.class.getPackage().getImplementationVersion();
			return new String[] { "metrology-ingest " + ((version != null) ? version : "(not built as a jar)") };
		}

	}

}
