package io.metrology.launch;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A run of the service that starts on an empty data folder of its own, records the
 * classes that it loads, and ends. It has the lowest priority.
 */
final class Training {

	static final String FOLDER = "training";

	private static final int MAX_MINUTES = 10;

	/** A complete archive gets its final name even if this service is killed. */
	private static final String SCRIPT = """
			part=$1; archive=$2; folder=$3; shift 3
			"$@" && [ -s "$part" ] && mv "$part" "$archive" && cd / && rm -rf "$folder"
			""";

	private Training() {
	}

	/**
	 * Runs the training.
	 * @return whether the archive is complete
	 */
	static boolean run(LaunchCopy copy, Path launchFolder) throws IOException, InterruptedException {
		Path dataFolder = launchFolder.resolve(FOLDER);
		createDataFolder(dataFolder, launchFolder.resolveSibling("binaries"));
		Process training = start(copy, dataFolder);
		Thread end = new Thread(() -> end(training), "end-training");
		Runtime.getRuntime().addShutdownHook(end);
		if (!training.waitFor(MAX_MINUTES, TimeUnit.MINUTES)) {
			end(training);
		}
		removeHook(end);
		return Files.isRegularFile(copy.archive());
	}

	private static void removeHook(Thread end) {
		try {
			Runtime.getRuntime().removeShutdownHook(end);
		}
		catch (IllegalStateException ex) {
			// The service stops, and so the hook runs.
		}
	}

	/** PostgreSQL's programs are shared with the service, to unpack them once. */
	private static void createDataFolder(Path dataFolder, Path programs) throws IOException {
		if (!Files.isDirectory(dataFolder)) {
			Files.createDirectory(dataFolder, Preparation.OWNER_FOLDER);
			Files.createFile(dataFolder.resolve("metrology.lock"));
			Files.createSymbolicLink(dataFolder.resolve("binaries"), programs);
		}
	}

	private static Process start(LaunchCopy copy, Path dataFolder) throws IOException {
		Path part = copy.unfinishedArchive();
		String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
		List<String> command = new ArrayList<>(List.of("sh", "-c", SCRIPT, "sh", part.toString(),
				copy.archive().toString(), dataFolder.toString(), "nice", "-n", "19", java));
		command.addAll(LaunchCopy.hasAotCache()
				? List.of("-XX:AOTCacheOutput=" + part, "-XX:+UnlockDiagnosticVMOptions", "-XX:-AOTAdapterCaching",
						"-XX:-AOTStubCaching")
				: List.of("-XX:ArchiveClassesAtExit=" + part, "-XX:TieredStopAtLevel=1"));
		command.addAll(List.of("-Xmx512m", "-D" + FastStart.TRAINING_PROPERTY + "=true", "-jar", copy.jar().toString(),
				"--server.address=127.0.0.1", "--server.port=0", "--metrology.data-dir=" + dataFolder));
		ProcessBuilder builder = new ProcessBuilder(command).directory(dataFolder.toFile())
			.redirectErrorStream(true)
			.redirectInput(new File("/dev/null"))
			.redirectOutput(dataFolder.resolveSibling("training.log").toFile());
		// The settings of the service name its database and its port.
		builder.environment()
			.keySet()
			.removeIf((name) -> Stream
				.of("SPRING_", "METROLOGY_", "SERVER_", "MANAGEMENT_", "LOGGING_", "JAVA_TOOL", "JDK_JAVA", "LISTEN_")
				.anyMatch(name::startsWith));
		return builder.start();
	}

	/** The run stops its PostgreSQL before it ends. */
	private static void end(Process training) {
		Stream.concat(training.descendants(), Stream.of(training.toHandle())).forEach(ProcessHandle::destroy);
	}

}
