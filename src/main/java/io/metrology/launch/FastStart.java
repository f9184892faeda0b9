package io.metrology.launch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Continues the start of the packaged jar in its launch copy. The process replaces its
 * own program by {@code execve}, so its number, its signals and its standard input stay
 * the same. If anything is missing, the start goes on as usual.
 */
public final class FastStart {

	/** Names the launch copy in the JVM that runs from it. */
	static final String COPY_PROPERTY = "metrology.launch.copy";

	/** Marks the run that only records the loaded classes. */
	static final String TRAINING_PROPERTY = "metrology.launch.training";

	private static final String SWITCH = "metrology.fast-start";

	private FastStart() {
	}

	/**
	 * Is the first call of {@code main}. It does not return if the start continues in the
	 * launch copy.
	 * @param arguments the arguments of the program
	 */
	public static void relaunch(String[] arguments) {
		try {
			if (isInCopy()) {
				new LaunchCopy(Path.of(System.getProperty(COPY_PROPERTY))).markStarted();
			}
			else if (isPackaged() && isEnabled(arguments)) {
				replaceProgram(arguments);
			}
		}
		catch (IOException | RuntimeException | LinkageError ex) {
			// The usual start needs none of this.
		}
	}

	/** Whether this process only records the classes that a start loads. */
	public static boolean isTraining() {
		return Boolean.getBoolean(TRAINING_PROPERTY);
	}

	/**
	 * Creates the launch copy for the next start, in the background.
	 * @param dataFolder the folder of the embedded PostgreSQL
	 */
	public static void prepare(Path dataFolder, String[] arguments) {
		if ((isInCopy() || isPackaged()) && isEnabled(arguments) && !isTraining()) {
			Preparation.begin(LaunchCopy.folderIn(dataFolder), isInCopy() ? null : ownJar());
		}
	}

	private static boolean isInCopy() {
		return System.getProperty(COPY_PROPERTY) != null;
	}

	private static boolean isPackaged() {
		Path jar = ownJar();
		return System.getProperty("os.name").equals("Linux") && jar.toString().endsWith(".jar")
				&& FastStart.class.getResource("/META-INF/MANIFEST.MF") != null && Files.isRegularFile(jar)
				&& String.valueOf(FastStart.class.getProtectionDomain().getCodeSource().getLocation())
					.contains("BOOT-INF");
	}

	private static Path ownJar() {
		return Path.of(System.getProperty("java.class.path")).toAbsolutePath();
	}

	private static boolean isEnabled(String[] arguments) {
		return !EarlySettings.of(arguments).get(SWITCH, "true").equals("false");
	}

	private static void replaceProgram(String[] arguments) throws IOException {
		Path dataFolder = Path.of(EarlySettings.of(arguments).get("metrology.data-dir", "./data")).toAbsolutePath();
		LaunchCopy copy = LaunchCopy.of(LaunchCopy.folderIn(dataFolder.normalize()), ownJar());
		if (!copy.isUsable()) {
			return;
		}
		CommandLine own = CommandLine.ofThisProcess();
		List<byte[]> command = own.inCopy(copy);
		if (!command.isEmpty()) {
			copy.markStarting();
			try {
				Program.replace(own.program(), command, copy);
			}
			finally {
				copy.markStarted();
			}
		}
	}

}
