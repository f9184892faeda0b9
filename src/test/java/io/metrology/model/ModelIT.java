package io.metrology.model;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;

import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import io.metrology.model.HistoryRunner.Difference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/**
 * Whatever is sent in whatever order to whichever of two instances, answers and rows are
 * those of the model. The system property {@code test.model.histories} says how many
 * histories are tried, {@code test.model.seed} repeats a single one.
 */
class ModelIT {

	private static final int THREADS = 4;

	private static final int HISTORIES = Integer.getInteger("test.model.histories", 2000);

	/** Not a line for each stream that is deleted. */
	private static final String QUIET_LOG = "logging.level.io.metrology=warn";

	private static TestDatabase database;

	private static List<TestService> services;

	@BeforeAll
	static void start() {
		database = TestPostgres.newDatabase();
		// Nothing is on its way when a step finalizes, as steps wait for their answers.
		String quiet = "metrology.finalize.quiet-period=20ms";
		services = List.of(TestService.start(database, quiet, QUIET_LOG),
				TestService.start(database, quiet, QUIET_LOG));
	}

	@AfterAll
	static void stop() {
		services.forEach(TestService::close);
	}

	@Test
	void answersAndRowsAgreeWithTheModel() throws Exception {
		Long seed = Long.getLong("test.model.seed");
		long[] seeds = (seed != null) ? new long[] { seed } : LongStream.range(0, HISTORIES).toArray();

		assertThat(run(seeds)).isEqualTo(seeds.length);
	}

	@Test
	void answersAndRowsAgreeWithTheModelForHistoriesNeverTriedBefore() throws Exception {
		long first = ThreadLocalRandom.current().nextLong();
		long[] seeds = LongStream.range(first, first + Math.max(1, HISTORIES / 10)).toArray();

		assertThat(run(seeds)).isEqualTo(seeds.length);
	}

	/** Returns how many histories were run to their end. */
	private static int run(long[] seeds) throws Exception {
		AtomicReference<Difference> difference = new AtomicReference<>();
		ExecutorService threads = Executors.newFixedThreadPool(THREADS);
		List<Future<Integer>> runs = new ArrayList<>();
		for (int i = 0; i < THREADS; i++) {
			int thread = i;
			runs.add(threads.submit(() -> run(seeds, thread, difference)));
		}
		threads.shutdown();
		int finished = 0;
		for (Future<Integer> run : runs) {
			finished += run.get();
		}
		if (difference.get() != null) {
			report(difference.get());
		}
		return finished;
	}

	/** Takes every n-th seed, until one thread finds a difference. */
	private static int run(long[] seeds, int thread, AtomicReference<Difference> difference) throws Exception {
		int finished = 0;
		try (HistoryRunner runner = new HistoryRunner(services, database)) {
			for (int i = thread; i < seeds.length && difference.get() == null; i += THREADS) {
				Difference found = runner.run(HistoryGenerator.generate(seeds[i]));
				if (found != null) {
					difference.compareAndSet(null, found);
				}
				finished++;
			}
		}
		return finished;
	}

	private static void report(Difference first) throws Exception {
		History history = first.history();
		try (HistoryRunner runner = new HistoryRunner(services, database)) {
			List<Step> shortest = Shrinker.shrink(history.steps(), (steps) -> runner.run(history.with(steps)) != null);
			Difference shortened = runner.run(history.with(shortest));
			fail("Repeat with -Dtest.model.seed=" + history.seed() + ". Shortened to "
					+ ((shortened != null) ? shortened : "nothing, it did not happen again; it was " + first),
					first.cause());
		}
	}

}
