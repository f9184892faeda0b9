package io.metrology.ingest;

import java.io.IOException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Chunks that share transactions, while the database fails in every way: each request
 * gets its one answer, what was acknowledged is stored, and what was refused is not.
 */
class GroupCommitIT {

	private static final int CHUNKS = 600;

	/** So that the hold is long enough on a slow machine, too. */
	private static final int MOST_KILLED = 60;

	/**
	 * Fails a chunk by the SQLSTATE in its channel's name; {@code always} or two times of
	 * three.
	 */
	private static final String FAILURES = """
			CREATE SEQUENCE attempt;
			CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
			    IF NEW.channel_name LIKE 'fail%' AND (NEW.channel_name LIKE '%always' OR nextval('attempt') % 3 > 0) THEN
			        RAISE EXCEPTION 'injected' USING ERRCODE = split_part(NEW.channel_name, '-', 2);
			    END IF;
			    RETURN NEW;
			END $$;
			CREATE TRIGGER fail BEFORE INSERT ON chunk FOR EACH ROW EXECUTE FUNCTION fail();
			""";

	/**
	 * Makes a COMMIT take a moment, so that connections are lost in the middle of one.
	 */
	private static final String SLOW_COMMITS = """
			CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
			    PERFORM pg_sleep(0.005);
			    RETURN NULL;
			END $$;
			CREATE CONSTRAINT TRIGGER pause AFTER INSERT OR UPDATE ON channel
			  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pause();
			""";

	private static final String TERMINATE = """
			SELECT count(pg_terminate_backend(pid))
			  FROM (SELECT pid
			          FROM pg_stat_activity
			         WHERE datname = current_database()
			           AND application_name = 'metrology-ingest'
			         ORDER BY random()
			         LIMIT 1) AS victim
			""";

	private final UUID dataId = UUID.randomUUID();

	private TestDatabase database;

	@BeforeEach
	void createDatabase() {
		this.database = TestPostgres.newDatabase();
	}

	@Test
	void failuresOfEveryClassCostOnlyWhomTheyConcern() throws Exception {
		List<String> retried = List.of("08006", "40001", "40P01", "53200", "57014");
		List<String> refused = List.of("22003", "23514", "42501", "54000", "XX000", "P0001");
		try (TestService service = TestService.start(this.database, "metrology.http.max-wait=90s",
				"server.tomcat.threads.max=2100", "metrology.ingest.hold=60s");
				StoredRows rows = new StoredRows(this.database)) {
			rows.execute(FAILURES);

			Map<String, List<CompletableFuture<Answer>>> answers = new HashMap<>();
			for (int index = 0; index < 40; index++) {
				for (String state : retried) {
					post(service, "fail-" + state, index, answers);
				}
				for (String state : refused) {
					post(service, "fail-" + state + "-always", index, answers);
				}
				post(service, "good-" + index % 4, index, answers);
			}

			retried.forEach((state) -> assertThat(statuses(answers.get("fail-" + state))).as(state).containsOnly(201));
			refused.forEach((state) -> assertThat(statuses(answers.get("fail-" + state + "-always"))).as(state)
				.containsOnly(500));
			IntStream.range(0, 4)
				.forEach((channel) -> assertThat(statuses(answers.get("good-" + channel))).containsOnly(201));
			assertStored(rows, (retried.size() + 1) * 40);
		}
	}

	@Test
	void connectionsLostAnywhereEvenInCommitLoseNothing() throws Exception {
		try (TestService service = TestService.start(this.database, "metrology.http.max-wait=90s",
				"server.tomcat.threads.max=2100", "metrology.ingest.hold=60s");
				StoredRows rows = new StoredRows(this.database);
				StoredRows killer = new StoredRows(this.database)) {
			rows.execute(SLOW_COMMITS);
			AtomicBoolean done = new AtomicBoolean();
			CompletableFuture<Integer> killed = CompletableFuture.supplyAsync(() -> killUntil(done, killer));

			Map<String, List<CompletableFuture<Answer>>> answers = new HashMap<>();
			for (int index = 0; index < CHUNKS; index++) {
				post(service, "channel-" + index % 4, index, answers);
			}
			answers.values().forEach((some) -> assertThat(statuses(some)).containsOnly(201));
			done.set(true);

			assertThat(killed.get(60, TimeUnit.SECONDS)).isPositive();
			assertStored(rows, CHUNKS);
		}
	}

	@Test
	void lockOnOneChannelHoldsItsNeighboursUpOnceAndNotForEachOfItsChunks() throws Exception {
		try (TestService service = TestService.start(this.database, "metrology.http.max-wait=90s",
				"server.tomcat.threads.max=2100", "metrology.ingest.hold=20s");
				StoredRows rows = new StoredRows(this.database)) {
			service.postChunk(Chunks.ofPoints(this.dataId, "locked", 0, 10));
			service.postChunk(Chunks.ofPoints(this.dataId, "free", 0, 10));
			rows.execute("BEGIN; SELECT FROM channel WHERE channel_name = 'locked' FOR UPDATE");

			Map<String, List<CompletableFuture<Answer>>> answers = new HashMap<>();
			for (int index = 1; index <= 40; index++) {
				post(service, "locked", index, answers);
			}
			assertThat(service.postChunk(Chunks.ofPoints(this.dataId, "free", 1, 10)).status()).isEqualTo(201);
			rows.execute("COMMIT");

			assertThat(statuses(answers.get("locked"))).containsOnly(201);
			assertStored(rows, 43);
		}
	}

	@Test
	void clientsThatLeaveDisturbNobody() throws Exception {
		try (TestService service = TestService.start(this.database, "metrology.http.max-wait=90s",
				"server.tomcat.threads.max=2100"); StoredRows rows = new StoredRows(this.database)) {
			rows.execute(SLOW_COMMITS);

			Map<String, List<CompletableFuture<Answer>>> answers = new HashMap<>();
			for (int index = 0; index < CHUNKS; index++) {
				post(service, "channel-" + index % 4, index, answers);
				if (index % 3 == 0) {
					service.postChunkLater(Chunks.ofPoints(this.dataId, "leaving", index, 10)).cancel(true);
				}
			}

			answers.values().forEach((some) -> assertThat(statuses(some)).containsOnly(201));
			assertThat(rows.text("SELECT count(*) FROM chunk WHERE channel_name <> 'leaving'"))
				.isEqualTo(String.valueOf(CHUNKS));
		}
	}

	@Test
	void stopInTheMiddleStoresWhatItAcknowledged() throws Exception {
		Map<Integer, CompletableFuture<Answer>> answers = new HashMap<>();
		try (StoredRows rows = new StoredRows(this.database)) {
			try (TestService service = TestService.start(this.database, "metrology.http.max-wait=90s",
					"server.tomcat.threads.max=2100")) {
				rows.execute(SLOW_COMMITS);
				for (int index = 0; index < CHUNKS; index++) {
					answers.put(index, service.postChunkLater(Chunks.ofPoints(this.dataId, "thickness", index, 10)));
				}
				answers.get(0).get(60, TimeUnit.SECONDS);
			}

			Set<String> acknowledged = answers.entrySet()
				.stream()
				.filter((entry) -> status(entry.getValue()) == 201)
				.map((entry) -> entry.getKey().toString())
				.collect(Collectors.toSet());
			assertThat(rows.texts("SELECT chunk_index FROM chunk")).containsAll(acknowledged);
		}
	}

	private void post(TestService service, String channel, int index,
			Map<String, List<CompletableFuture<Answer>>> answers) {
		answers.computeIfAbsent(channel, (name) -> new ArrayList<>())
			.add(service.postChunkLater(Chunks.ofPoints(this.dataId, channel, index, 10)));
	}

	private static List<Integer> statuses(List<CompletableFuture<Answer>> answers) {
		return answers.stream().map(GroupCommitIT::status).toList();
	}

	/** The status of an answer, or 0 where the connection broke instead. */
	private static int status(CompletableFuture<Answer> answer) {
		try {
			return answer.orTimeout(120, TimeUnit.SECONDS).join().status();
		}
		catch (CompletionException ex) {
			assertThat(ex).hasCauseInstanceOf(IOException.class);
			return 0;
		}
	}

	private static int killUntil(AtomicBoolean done, StoredRows killer) {
		int killed = 0;
		try {
			while (!done.get() && killed < MOST_KILLED) {
				killed += Integer.parseInt(killer.text(TERMINATE));
				Thread.sleep(50);
			}
		}
		catch (SQLException | InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
		return killed;
	}

	private static void assertStored(StoredRows rows, int chunks) throws SQLException {
		assertThat(rows.text("SELECT count(*) FROM chunk")).isEqualTo(String.valueOf(chunks));
		assertThat(rows.texts("""
				SELECT channel_name
				  FROM channel c
				 WHERE total_points <> (SELECT sum(point_count) FROM chunk k WHERE k.channel_name = c.channel_name)
				    OR chunk_count <> (SELECT count(*) FROM chunk k WHERE k.channel_name = c.channel_name)
				""")).isEmpty();
	}

}
