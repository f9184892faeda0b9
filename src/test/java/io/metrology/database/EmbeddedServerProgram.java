package io.metrology.database;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A process that runs the embedded server, to be killed by tests. */
final class EmbeddedServerProgram {

	private EmbeddedServerProgram() {
	}

	public static void main(String[] arguments) throws IOException {
		try (EmbeddedServer server = EmbeddedServer.start(Path.of(arguments[0]), 0)) {
			System.out.println("ready " + server.url());
			System.in.read();
		}
	}

	/** Starts the process on the folder; it ends when its input does. */
	static Process start(Path folder) throws IOException {
		String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
		return new ProcessBuilder(List.of(java, "-cp", System.getProperty("java.class.path"),
				EmbeddedServerProgram.class.getName(), folder.toString()))
			.redirectError(new File("/dev/null"))
			.start();
	}

	/** Waits until the server in the process accepts connections. */
	static void awaitReady(Process process) throws IOException {
		String line = process.inputReader().readLine();
		while (line != null && !line.startsWith("ready ")) {
			line = process.inputReader().readLine();
		}
		if (line == null) {
			throw new IllegalStateException("The server in the other process did not start");
		}
	}

}
