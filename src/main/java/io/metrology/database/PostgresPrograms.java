package io.metrology.database;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.ToIntFunction;

/** PostgreSQL's programs, ready to run as the user of this service. */
final class PostgresPrograms {

	private static final int ROOT = 0;

	/** Far longer than any of them takes, except for a recovery. */
	private static final int GRACE_SECONDS = 10;

	private final Path bin;

	private final Path log;

	/** The command in front of each program, which is empty for an ordinary user. */
	private final List<String> launcher;

	private PostgresPrograms(Path bin, Path log, List<String> launcher) {
		this.bin = bin;
		this.log = log;
		this.launcher = launcher;
	}

	/**
	 * Unpacks the programs into the data folder, where they are not yet there.
	 * @throws DatabaseStartException if they cannot run on this machine or as this user
	 */
	static PostgresPrograms unpackInto(DataFolder folder, PostgresArchive archive) throws IOException {
		Path home = archive.unpackBelow(folder.binaries());
		if (!Files.isDirectory(folder.log())) {
			Files.createDirectory(folder.log(), DataFolder.OWNER_FOLDER);
		}
		return new PostgresPrograms(home.resolve("bin"), folder.log(), launcher(folder.ownUserId()));
	}

	/**
	 * PostgreSQL refuses to run as root. In a user namespace of its own it sees another
	 * user id, while its files stay root's.
	 */
	private static List<String> launcher(int userId) {
		if (userId != ROOT) {
			return List.of();
		}
		List<String> unshare = List.of("unshare", "-U");
		if (!succeeds(List.of("unshare", "-U", "true"))) {
			throw new DatabaseStartException(
					"The embedded PostgreSQL does not run as root, and this machine does not allow a user namespace "
							+ "(unshare -U)",
					"Start the service as an ordinary user, or name a PostgreSQL server with spring.datasource.url "
							+ "(SPRING_DATASOURCE_URL).");
		}
		return unshare;
	}

	private static boolean succeeds(List<String> command) {
		try {
			return waitFor(new ProcessBuilder(command).redirectErrorStream(true)
				.redirectOutput(ProcessBuilder.Redirect.DISCARD)
				.start()) == 0;
		}
		catch (IOException ex) {
			return false;
		}
	}

	/** The folder with this version's programs. */
	Path home() {
		return Objects.requireNonNull(this.bin.getParent());
	}

	Path path(String program) {
		return this.bin.resolve(program);
	}

	/** Returns for example {@code 18.6}. */
	String version() {
		String output = run("postgres", "--version");
		return output.substring(output.lastIndexOf(' ') + 1).strip();
	}

	/**
	 * Runs a program to its end.
	 * @return what it printed
	 * @throws DatabaseStartException if it failed
	 */
	String run(String program, String... arguments) {
		return run(PostgresPrograms::waitFor, program, arguments);
	}

	/** Like {@link #run}, for what must not be left half done when the service ends. */
	String runUninterrupted(String program, String... arguments) {
		return run(PostgresPrograms::waitUninterrupted, program, arguments);
	}

	private String run(ToIntFunction<Process> wait, String program, String... arguments) {
		Path output = this.log.resolve(program + ".log");
		try {
			int status = wait.applyAsInt(start(output, program, arguments));
			String printed = Files.readString(output, StandardCharsets.UTF_8);
			if (status != 0) {
				throw new DatabaseStartException("PostgreSQL's %s failed:%n%s".formatted(program, printed.strip()),
						"See the log in %s. PostgreSQL ran as the user of this service, without the privileges of root."
							.formatted(this.log));
			}
			return printed;
		}
		catch (IOException ex) {
			throw new DatabaseStartException("PostgreSQL's %s cannot run: %s".formatted(program, ex.getMessage()),
					"On Linux it needs glibc, and a data folder whose file system allows to execute programs. "
							+ "Or name a PostgreSQL server with spring.datasource.url (SPRING_DATASOURCE_URL).",
					ex);
		}
	}

	private Process start(Path output, String program, String... arguments) throws IOException {
		List<String> command = new ArrayList<>(this.launcher);
		command.add(this.bin.resolve(program).toString());
		command.addAll(List.of(arguments));
		ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
		Map<String, String> environment = builder.environment();
		// PGDATA, PGPORT and their like would change what we ask for.
		environment.keySet().removeIf((name) -> name.startsWith("PG"));
		environment.put("LC_ALL", "C");
		Process process = builder.start();
		process.getOutputStream().close();
		return process;
	}

	/**
	 * Waits without a limit of its own: Spring interrupts a start that is to end, but
	 * only where its thread waits so.
	 */
	private static int waitFor(Process process) {
		try {
			return process.waitFor();
		}
		catch (InterruptedException ex) {
			endSoon(process);
			Thread.currentThread().interrupt();
			throw new DatabaseStartException("The start was interrupted while PostgreSQL was being prepared",
					"Start the service again.", ex);
		}
	}

	/**
	 * Lets the program finish if it can: a server that {@code pg_ctl} has only just
	 * launched cannot be found yet, and so not be stopped.
	 */
	private static void endSoon(Process process) {
		try {
			if (!process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
				process.destroy();
			}
		}
		catch (InterruptedException ex) {
			process.destroy();
		}
	}

	/** Spring does not interrupt a thread that waits with a limit. */
	private static int waitUninterrupted(Process process) {
		boolean interrupted = false;
		try {
			while (true) {
				try {
					if (process.waitFor(1, TimeUnit.MINUTES)) {
						return process.exitValue();
					}
				}
				catch (InterruptedException ex) {
					interrupted = true;
				}
			}
		}
		finally {
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

}
