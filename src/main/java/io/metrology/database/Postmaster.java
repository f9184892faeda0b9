package io.metrology.database;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The server process on a cluster. It has a session of its own ({@code pg_ctl} sees to
 * that), so that an interrupt from the terminal reaches the service alone, which then
 * stops the server as the last thing.
 */
final class Postmaster {

	private static final Logger logger = LoggerFactory.getLogger(Postmaster.class);

	/** How long the server gets to write its shutdown checkpoint. */
	private static final int STOP_SECONDS = 60;

	/** Practically no limit: how long a recovery takes, depends on the disk. */
	private static final int START_SECONDS = 24 * 60 * 60;

	private final Path cluster;

	private final PostgresPrograms programs;

	private final ServerLog log;

	Postmaster(Path cluster, PostgresPrograms programs, ServerLog log) {
		this.cluster = cluster;
		this.programs = programs;
		this.log = log;
	}

	/**
	 * Returns the port of a server that a killed service left behind, if a start would
	 * start exactly this server: same programs, same options, ready for connections. Only
	 * for the holder of the folder's lock.
	 * @param wanted the port that the server must have, or 0 for any
	 */
	OptionalInt findAdoptable(int wanted) throws IOException {
		Optional<LocalServer.Status> status = LocalServer.statusOf(this.cluster);
		if (find().isEmpty() || status.isEmpty() || !status.get().ready()) {
			return OptionalInt.empty();
		}
		int port = status.get().port();
		Path file = this.cluster.resolve("postmaster.opts");
		boolean same = Files.exists(file)
				&& Files.readString(file, StandardCharsets.UTF_8).strip().equals(command(port));
		return (same && (wanted == 0 || wanted == port)) ? OptionalInt.of(port) : OptionalInt.empty();
	}

	/** The command of the server as the server itself notes it. */
	private String command(int port) {
		String arguments = options(port).map((option) -> " \"-c\" \"" + option + "\"").collect(Collectors.joining());
		return "%s \"-D\" \"%s\"%s".formatted(this.programs.path("postgres"), this.cluster, arguments);
	}

	private static Stream<String> options(int port) {
		return Stream.of("port=" + port, "listen_addresses=127.0.0.1",
				// No socket file: its path is limited to 107 characters.
				"unix_socket_directories=",
				// An acknowledged chunk is on disk. Here, so that no file can say
				// otherwise.
				"fsync=on", "synchronous_commit=on", "full_page_writes=on");
	}

	/**
	 * Clears the way for a start: stops a server whose service was killed, and removes
	 * what a server that was killed itself left. Only for the holder of the folder's
	 * lock.
	 */
	void stopOrphan() throws IOException {
		Optional<ProcessHandle> orphan = find();
		if (orphan.isPresent()) {
			logger.warn("Stopping the PostgreSQL (process {}) that a killed service left on {}", orphan.get().pid(),
					this.cluster);
			stop();
		}
		// PostgreSQL trusts the number in it, even where another program has it now. It
		// finds left-over workers of its own by their shared memory.
		Files.deleteIfExists(pidFile());
	}

	/**
	 * Starts the server and waits until it accepts connections.
	 * @throws DatabaseStartException with the last lines of the server's log
	 */
	void start(int port) throws IOException {
		String options = options(port).map((option) -> "-c " + option).collect(Collectors.joining(" "));
		this.log.begin();
		try {
			this.programs.run("pg_ctl", "start", "--pgdata=" + this.cluster, "--wait", "--timeout=" + START_SECONDS,
					"--log=" + this.log.startFile(), "--options=" + options);
		}
		catch (DatabaseStartException ex) {
			// Java reads no file while the thread counts as interrupted.
			boolean interrupted = Thread.interrupted();
			stop();
			String lastLines = this.log.lastLines();
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
			throw new DatabaseStartException("The embedded PostgreSQL did not start: %s%n%s"
				.formatted(ex.problem().lines().findFirst().orElse(""), lastLines), ex.action(), ex);
		}
	}

	/** Stops the server, if it runs; returns when it has ended. */
	void stop() {
		boolean interrupted = Thread.interrupted();
		try {
			stop("fast");
		}
		catch (DatabaseStartException ex) {
			logger.warn("PostgreSQL did not stop within {} s; stopping it at once, it will recover at the next start",
					STOP_SECONDS, ex);
			stop("immediate");
		}
		finally {
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

	private void stop(String mode) {
		if (find().isPresent()) {
			this.programs.runUninterrupted("pg_ctl", "stop", "--pgdata=" + this.cluster, "--wait",
					"--timeout=" + STOP_SECONDS, "--mode=" + mode);
		}
	}

	/**
	 * Returns the running server. The number in its file is not enough: after a crash
	 * another program may have it.
	 */
	Optional<ProcessHandle> find() {
		try (Stream<String> lines = Files.lines(pidFile())) {
			return lines.findFirst()
				.filter((line) -> line.matches("\\d{1,18}"))
				.flatMap((line) -> ProcessHandle.of(Long.parseLong(line)))
				.filter(this::isServerOfThisCluster);
		}
		catch (NoSuchFileException ex) {
			return Optional.empty();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private boolean isServerOfThisCluster(ProcessHandle process) {
		String program = process.info().command().orElse("");
		String[] arguments = process.info().arguments().orElse(new String[0]);
		return program.matches(".*/postgres( \\(deleted\\))?")
				&& Arrays.stream(arguments).anyMatch((argument) -> argument.equals(this.cluster.toString()));
	}

	private Path pidFile() {
		return this.cluster.resolve("postmaster.pid");
	}

}
