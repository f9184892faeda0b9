package io.metrology.database;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts the embedded server again whenever it ends by itself: killed by somebody, or for
 * want of memory or of space for its log. A server that loses only a worker recovers
 * without this.
 */
final class Supervisor implements AutoCloseable {

	private static final Logger logger = LoggerFactory.getLogger(Supervisor.class);

	private static final Duration PAUSE = Duration.ofSeconds(1);

	private static final int TRIES_BETWEEN_WARNINGS = 30;

	private final Postmaster postmaster;

	private final int port;

	private final Path log;

	private final Thread thread = new Thread(this::supervise, "embedded-postgresql");

	private Supervisor(Postmaster postmaster, int port, Path log) {
		this.postmaster = postmaster;
		this.port = port;
		this.log = log;
		this.thread.setDaemon(true);
	}

	/**
	 * Supervises a server that was started.
	 * @param port on which others look for it
	 * @param log where its own log is
	 */
	static Supervisor of(Postmaster postmaster, int port, Path log) {
		Supervisor supervisor = new Supervisor(postmaster, port, log);
		supervisor.thread.start();
		return supervisor;
	}

	private void supervise() {
		try {
			while (true) {
				awaitEnd();
				logger.error("The embedded PostgreSQL has ended unexpectedly, see the log in {}. Starting it again",
						this.log);
				startAgain();
				logger.info("The embedded PostgreSQL runs again");
			}
		}
		catch (InterruptedException ex) {
			// Closed: the server is to end.
		}
	}

	private void awaitEnd() throws InterruptedException {
		Optional<ProcessHandle> server = this.postmaster.find();
		if (server.isPresent()) {
			try {
				server.get().onExit().get();
			}
			catch (ExecutionException ex) {
				throw new IllegalStateException("The end of a process does not fail", ex);
			}
		}
	}

	private void startAgain() throws InterruptedException {
		for (int attempt = 0;; attempt++) {
			try {
				this.postmaster.stopOrphan();
				this.postmaster.start(this.port);
				return;
			}
			catch (DatabaseStartException | IOException | UncheckedIOException ex) {
				if (attempt % TRIES_BETWEEN_WARNINGS == 0 && !Thread.currentThread().isInterrupted()) {
					logger.warn("Trying on to start the embedded PostgreSQL: {}", ex.getMessage());
				}
			}
			Thread.sleep(PAUSE.toMillis());
		}
	}

	/** Lets the server end; a start under way is cut short. */
	@Override
	public void close() {
		this.thread.interrupt();
		boolean interrupted = false;
		while (this.thread.isAlive()) {
			try {
				this.thread.join();
			}
			catch (InterruptedException ex) {
				interrupted = true;
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
	}

}
