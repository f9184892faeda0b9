package io.metrology.ingest;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

import javax.sql.DataSource;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.DatabaseProxy;
import io.metrology.StoredChannel;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * PostgreSQL says no for a while, or says nothing: chunks are held and stored once, or
 * refused truthfully, and the service finds back by itself.
 */
class FaultsIT {

	private static final String CHANNEL = "thickness";

	private static final String LONG_HOLD = "metrology.ingest.hold=120s";

	private static final String SHORT_HOLD = "metrology.ingest.hold=1s";

	private final UUID dataId = UUID.randomUUID();

	private final String role = "role_" + this.dataId.toString().replace("-", "");

	private TestDatabase database;

	private DatabaseProxy proxy;

	private StoredRows rows;

	private TestService service;

	@BeforeEach
	void createDatabase() throws Exception {
		this.database = TestPostgres.newDatabase();
		this.proxy = new DatabaseProxy(this.database);
		this.rows = new StoredRows(migrated(this.database));
	}

	private static TestDatabase migrated(TestDatabase database) {
		TestService.start(database).close();
		return database;
	}

	@AfterEach
	void stop() throws Exception {
		this.proxy.resume();
		if (this.service != null) {
			this.service.close();
		}
		this.proxy.close();
		this.rows.close();
	}

	/**
	 * Serialization failure, deadlock, disk full, out of memory, cancelled, not
	 * available.
	 */
	@ParameterizedTest
	@ValueSource(strings = { "40001", "40P01", "53100", "53200", "57014", "55P03" })
	void chunkIsStoredOnceThoughTheFirstAttemptsFail(String sqlstate) throws Exception {
		start(LONG_HOLD);
		failFirstInserts(3, "RAISE EXCEPTION 'a fault of the test' USING ERRCODE = '" + sqlstate + "'");

		assertThat(post(0).status()).isEqualTo(201);
		// From memory, and so by the other statement.
		failFirstInserts(3, "RAISE EXCEPTION 'a fault of the test' USING ERRCODE = '" + sqlstate + "'");
		assertThat(post(1).status()).isEqualTo(201);

		assertThat(stored().chunks()).containsOnlyKeys(0, 1);
		assertThat(stored().totalPoints()).isEqualTo(6);
		assertThat(stored().revision()).isEqualTo(2);
	}

	@Test
	void chunkIsRefusedWhileTheDiskIsFullAndStoredOnceThereIsSpace() throws Exception {
		start(SHORT_HOLD);
		assertThat(post(0).status()).isEqualTo(201);
		failFirstInserts(Integer.MAX_VALUE, "RAISE EXCEPTION 'disk full' USING ERRCODE = '53100'");

		Answer refused = post(1);

		assertThat(refused.status()).isEqualTo(503);
		assertThat(refused.code()).isEqualTo("database_unavailable");
		assertThat(refused.retryAfter()).matches("[1-9][0-9]*");
		assertThat(refused.json().required("stored").asBoolean()).isFalse();
		assertThat(this.service.get("/metrology/stream/" + this.dataId).status()).isEqualTo(200);
		this.rows.execute("DROP TRIGGER fault ON chunk");
		assertThat(post(1).status()).isEqualTo(201);
		assertThat(stored().chunks()).containsOnlyKeys(0, 1);
	}

	/** Each attempt takes long, so that most wait for others when their hold is over. */
	@Test
	void chunksThatWaitBehindFailingOnesAreNotCalledTooMany() throws Exception {
		start("metrology.ingest.hold=4s", "metrology.ingest.batch.max-chunks=1");
		failFirstInserts(Integer.MAX_VALUE,
				"PERFORM pg_sleep(0.3); RAISE EXCEPTION 'disk full' USING ERRCODE = '53100'");

		List<CompletableFuture<Answer>> answers = IntStream.range(0, 4)
			.mapToObj((index) -> this.service.postChunkLater(chunk(index)))
			.toList();

		assertThat(answers).map(CompletableFuture::join).extracting(Answer::code).containsOnly("database_unavailable");
	}

	@Test
	void chunkWhoseStatementsTimeOutIsStoredOnceTheyDoNot() throws Exception {
		createRole();
		this.rows.execute("ALTER ROLE " + this.role + " SET statement_timeout = '300ms'");
		startAsRole(LONG_HOLD);
		failFirstInserts(3, "PERFORM pg_sleep(30)");

		assertThat(post(0).status()).isEqualTo(201);

		assertThat(stored().chunks()).containsOnlyKeys(0);
		assertThat(stored().totalPoints()).isEqualTo(3);
	}

	@Test
	void chunkIsHeldWhileTheServerHasTooManyConnections() throws Exception {
		createRole();
		startAsRole(LONG_HOLD);
		assertThat(post(0).status()).isEqualTo(201);
		this.rows.execute("ALTER ROLE " + this.role + " CONNECTION LIMIT 0");
		this.rows.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '" + this.role + "'");
		await(() -> this.service.get("/actuator/health/readiness").status() == 503);
		CompletableFuture<Answer> held = this.service.postChunkLater(chunk(1));
		assertThat(this.service.get("/actuator/health/liveness").status()).isEqualTo(200);
		assertThat(held).isNotDone();

		this.rows.execute("ALTER ROLE " + this.role + " CONNECTION LIMIT -1");

		assertThat(held.join().status()).isEqualTo(201);
		assertThat(stored().chunks()).containsOnlyKeys(0, 1);
		await(() -> this.service.get("/actuator/health/readiness").status() == 200);
	}

	/** Each would wait for two seconds if it were tried alone. */
	@Test
	@Timeout(60)
	void lockOnTheWholeTableDoesNotAddUp() throws Exception {
		start("metrology.ingest.hold=5s");
		assertThat(post(0).status()).isEqualTo(201);
		try (Connection foreign = this.database.connect()) {
			foreign.setAutoCommit(false);
			try (Statement statement = foreign.createStatement()) {
				statement.execute("LOCK TABLE chunk IN ACCESS EXCLUSIVE MODE");
			}
			List<CompletableFuture<Answer>> answers = IntStream.range(0, 40)
				.mapToObj((index) -> this.service
					.postChunkLater(Chunks.ofPoints(this.dataId, "channel " + index, index, 3)))
				.toList();

			assertThat(answers).map(CompletableFuture::join)
				.extracting(Answer::code)
				.containsAnyOf("database_unavailable")
				.isSubsetOf("database_unavailable", "overloaded");
			foreign.rollback();
		}
		assertThat(post(1).status()).isEqualTo(201);
		assertThat(this.rows.channels(this.dataId)).containsOnlyKeys(CHANNEL);
	}

	/** Spring reports the rollback that fails, too, and not the loss. */
	@Test
	void connectionLostInATransactionIsNoErrorOfTheService() throws Exception {
		start(SHORT_HOLD);
		assertThat(post(0).status()).isEqualTo(201);
		try (Connection foreign = this.database.connect()) {
			foreign.setAutoCommit(false);
			try (Statement statement = foreign.createStatement()) {
				statement.execute("LOCK TABLE channel IN ACCESS EXCLUSIVE MODE");
			}
			CompletableFuture<Answer> answer = this.service.postLater("/metrology/stream/chunk?validate_only=true",
					chunk(1));
			await(() -> !this.rows.texts("""
					SELECT pid
					  FROM pg_stat_activity
					 WHERE datname = current_database()
					   AND wait_event_type = 'Lock'
					""").isEmpty());

			this.proxy.drop();

			assertThat(answer.join().status()).as(answer.join().body()).isEqualTo(503);
			assertThat(answer.join().code()).isEqualTo("database_unavailable");
			foreign.rollback();
		}
	}

	@Test
	void deadlockWithAForeignSessionCostsNoChunk() throws Exception {
		start(LONG_HOLD);
		assertThat(
				this.service.post("/metrology/stream/chunk/multi", Chunks.multi(this.dataId, 0, 3, "a", "b")).status())
			.isEqualTo(201);
		try (Connection foreign = this.database.connect()) {
			foreign.setAutoCommit(false);
			lockChannel(foreign, "b");
			CompletableFuture<Answer> answer = this.service.postLater("/metrology/stream/chunk/multi",
					Chunks.multi(this.dataId, 1, 3, "a", "b"));
			await(() -> !this.rows.texts("""
					SELECT pid
					  FROM pg_stat_activity
					 WHERE datname = current_database()
					   AND wait_event_type = 'Lock'
					""").isEmpty());
			try {
				lockChannel(foreign, "a");
			}
			catch (SQLException ex) {
				assertThat(ex.getSQLState()).isEqualTo("40P01");
			}
			foreign.rollback();

			assertThat(answer.join().status()).isEqualTo(201);
		}
		assertThat(this.rows.channels(this.dataId).get("a").totalPoints()).isEqualTo(6);
		assertThat(this.rows.channels(this.dataId).get("b").totalPoints()).isEqualTo(6);
	}

	@Test
	void chunksGoOnWhileAllConnectionsForReadingAreTaken() throws Exception {
		start(SHORT_HOLD, "spring.datasource.hikari.maximum-pool-size=2");
		assertThat(post(0).status()).isEqualTo(201);
		DataSource reading = this.service.context().getBean(DataSource.class);
		try (Connection first = reading.getConnection(); Connection second = reading.getConnection()) {
			assertThat(first).isNotSameAs(second);
			assertThat(post(1).status()).isEqualTo(201);

			Answer read = this.service.get("/metrology/stream/" + this.dataId);

			assertThat(read.status()).isEqualTo(503);
			assertThat(read.code()).isEqualTo("database_unavailable");
			assertThat(read.retryAfter()).matches("[1-9][0-9]*");
			assertThat(this.service.get("/actuator/health/readiness").status()).isEqualTo(200);
		}
		assertThat(this.service.get("/metrology/stream/" + this.dataId).status()).isEqualTo(200);
	}

	@Test
	void readinessSaysSoonThatTheDatabaseSaysNothing() throws Exception {
		// With the pools as they are delivered, which wait for longer.
		this.service = TestService.start(this.proxy.database(), LONG_HOLD);
		assertThat(post(0).status()).isEqualTo(201);
		this.proxy.stall();
		CompletableFuture<Answer> held = this.service.postChunkLater(chunk(1));

		assertAnswers("/actuator/health/readiness", 503);
		assertAnswers("/actuator/health/liveness", 200);
		assertAnswers("/actuator/prometheus", 200);

		this.proxy.resume();
		assertThat(held.join().status()).isEqualTo(201);
		assertThat(stored().chunks()).containsOnlyKeys(0, 1);
		await(() -> this.service.get("/actuator/health/readiness").status() == 200);
	}

	/** The promise is two seconds; the pool waits for five, the driver for ten. */
	private void assertAnswers(String path, int status) {
		long begun = System.nanoTime();
		Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> this.service.get(path).status() == status);
		assertThat(Duration.ofNanos(System.nanoTime() - begun)).as(path).isLessThan(Duration.ofSeconds(4));
	}

	/** Counts attempts by a sequence, as that is not rolled back. */
	private void failFirstInserts(int attempts, String fault) throws SQLException {
		this.rows.execute("CREATE SEQUENCE IF NOT EXISTS attempts");
		this.rows.execute("ALTER SEQUENCE attempts RESTART");
		this.rows.execute("GRANT ALL ON SEQUENCE attempts TO PUBLIC");
		this.rows.execute("""
				CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN
				    IF nextval('attempts') <= %d THEN
				        %s;
				    END IF;
				    RETURN NEW;
				END
				$$""".formatted(attempts, fault));
		this.rows
			.execute("CREATE OR REPLACE TRIGGER fault BEFORE INSERT ON chunk FOR EACH ROW EXECUTE FUNCTION fault()");
	}

	private void lockChannel(Connection foreign, String channel) throws SQLException {
		try (Statement statement = foreign.createStatement()) {
			statement.execute("SELECT 1 FROM channel WHERE data_id = '" + this.dataId + "' AND channel_name = '"
					+ channel + "' FOR UPDATE");
		}
	}

	/** A role that may use the tables, but is no superuser: for those no limit holds. */
	private void createRole() throws SQLException {
		this.rows.execute("CREATE ROLE " + this.role + " LOGIN PASSWORD 'secret'");
		this.rows.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO " + this.role);
	}

	private void start(String... settings) {
		this.service = TestService.start(this.proxy.database(), quick(settings));
	}

	private void startAsRole(String... settings) {
		this.service = TestService.start(new TestDatabase(this.database.url(), this.role, "secret"), quick(settings));
	}

	private static String[] quick(String... settings) {
		String[] all = new String[settings.length + 2];
		all[0] = "spring.datasource.hikari.connection-timeout=1000";
		all[1] = "spring.datasource.hikari.validation-timeout=500";
		System.arraycopy(settings, 0, all, 2, settings.length);
		return all;
	}

	private Answer post(int index) {
		return this.service.postChunk(chunk(index));
	}

	private String chunk(int index) {
		return Chunks.ofPoints(this.dataId, CHANNEL, index, 3);
	}

	private StoredChannel stored() throws Exception {
		return this.rows.channels(this.dataId).get(CHANNEL);
	}

	private static void await(Callable<Boolean> condition) {
		Awaitility.await().atMost(Duration.ofMinutes(1)).until(condition);
	}

}
