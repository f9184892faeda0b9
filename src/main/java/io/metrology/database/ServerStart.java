package io.metrology.database;

import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * A start of the embedded server that runs beside the start of Spring. The application
 * context takes the server; otherwise it is stopped.
 */
final class ServerStart {

	private final FutureTask<EmbeddedServer> task;

	private final Thread thread;

	private final Thread endOfProcess = new Thread(this::abandon, "stop-postgresql");

	private ServerStart(Path dataFolder, int port) {
		this.task = new FutureTask<>(() -> EmbeddedServer.start(dataFolder, port));
		this.thread = new Thread(this.task, "start-postgresql");
	}

	static ServerStart begin(Path dataFolder, int port) {
		ServerStart start = new ServerStart(dataFolder, port);
		Runtime.getRuntime().addShutdownHook(start.endOfProcess);
		start.thread.start();
		return start;
	}

	/**
	 * Waits for the server, and leaves it to the caller.
	 * @throws DatabaseStartException if it did not start, or this thread is interrupted
	 */
	EmbeddedServer await() {
		try {
			EmbeddedServer server = this.task.get();
			removeHook();
			return server;
		}
		catch (InterruptedException ex) {
			abandon();
			Thread.currentThread().interrupt();
			throw new DatabaseStartException("The start was interrupted while PostgreSQL was being prepared",
					"Start the service again.", ex);
		}
		catch (ExecutionException ex) {
			removeHook();
			if (ex.getCause() instanceof RuntimeException cause) {
				throw cause;
			}
			throw new IllegalStateException(ex);
		}
	}

	/** Stops the server if nobody took it; ends a start that is under way. */
	void abandon() {
		removeHook();
		this.thread.interrupt();
		boolean interrupted = false;
		while (true) {
			try {
				this.task.get().close();
				break;
			}
			catch (InterruptedException ex) {
				interrupted = true;
			}
			catch (ExecutionException ex) {
				break;
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
	}

	private void removeHook() {
		try {
			Runtime.getRuntime().removeShutdownHook(this.endOfProcess);
		}
		catch (IllegalStateException ex) {
			// The process ends, and so the hook runs.
		}
	}

}
