package io.metrology.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import javax.sql.DataSource;

import jakarta.annotation.PreDestroy;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.stereotype.Component;

/**
 * Whether the database answers, said within two seconds: a pool waits longer than that
 * for a connection, and a connection that was cut off silently longer than whoever asks.
 * It is enough that it answers on the connections for reading or on those for writing,
 * since all of one kind may be in use. In place of Spring Boot's indicator, under its
 * name.
 */
@Component("dbHealthIndicator")
class DatabaseHealth implements HealthIndicator {

	private static final Duration LONGEST_WAIT = Duration.ofSeconds(2);

	/** However many ask, the database is asked so often. */
	private static final Duration FRESH = Duration.ofMillis(500);

	private static final int SECONDS_TO_VALIDATE = 2;

	private final ExecutorService threads = Executors.newCachedThreadPool((work) -> {
		Thread thread = new Thread(work, "database-health");
		thread.setDaemon(true);
		return thread;
	});

	private final List<Callable<Boolean>> questions;

	private Health last = Health.unknown().build();

	private long askedAt = System.nanoTime() - FRESH.toNanos();

	/** Makes the indicator for the connections that read and those that write. */
	DatabaseHealth(DataSource reading, @Qualifier("write") DataSource writing) {
		this.questions = List.of(() -> answers(reading), () -> answers(writing));
	}

	@Override
	public synchronized Health health() {
		if (System.nanoTime() - this.askedAt >= FRESH.toNanos()) {
			this.last = ask();
			this.askedAt = System.nanoTime();
		}
		return this.last;
	}

	private Health ask() {
		try {
			this.threads.invokeAny(this.questions, LONGEST_WAIT.toNanos(), TimeUnit.NANOSECONDS);
			return Health.up().build();
		}
		catch (ExecutionException | TimeoutException ex) {
			return Health.down().build();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			return Health.down().build();
		}
	}

	private static boolean answers(DataSource dataSource) throws SQLException {
		try (Connection connection = dataSource.getConnection()) {
			if (!connection.isValid(SECONDS_TO_VALIDATE)) {
				throw new SQLException("The connection is broken");
			}
			return true;
		}
	}

	@PreDestroy
	void close() {
		this.threads.shutdownNow();
	}

}
