package io.metrology.stream;

import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.UUID;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Old streams are deleted where that was asked for, and nothing else is. */
@ExtendWith(OutputCaptureExtension.class)
class RetentionIT {

	private static final String OFTEN = "metrology.retention.interval=100ms";

	private static final String FINALIZED_AFTER = "metrology.retention.finalized-after=10d";

	private static final String IDLE_AFTER = "metrology.retention.idle-after=10d";

	private static final String WAITING = """
			SELECT pid
			  FROM pg_stat_activity
			 WHERE datname = current_database()
			   AND wait_event_type = 'Lock'
			""";

	private static final String DELETED = "metrology_stream_deleted_total{reason=\"%s\"} %s";

	private final UUID finalized = UUID.randomUUID();

	private final UUID idle = UUID.randomUUID();

	private TestDatabase database;

	private StoredRows rows;

	private TestService service;

	@BeforeEach
	void createDatabase() throws Exception {
		this.database = TestPostgres.newDatabase();
		this.rows = new StoredRows(this.database);
	}

	@AfterEach
	void stop() throws Exception {
		if (this.service != null) {
			this.service.close();
		}
		this.rows.close();
	}

	@Test
	void nothingIsDeletedByDefault() throws Exception {
		start(OFTEN);
		make(this.finalized, true);
		make(this.idle, false);
		age(this.finalized, 10_000);
		age(this.idle, 10_000);

		awaitSwept(leaveToSweep());
		awaitSwept(leaveToSweep());

		assertHeld(this.finalized);
		assertHeld(this.idle);
	}

	@Test
	void streamFinalizedLongEnoughAgoIsDeletedAndNoted(CapturedOutput output) throws Exception {
		start(OFTEN, FINALIZED_AFTER);
		UUID younger = UUID.randomUUID();
		make(this.finalized, true);
		make(younger, true);
		make(this.idle, false);
		age(younger, 9);
		age(this.idle, 11);

		age(this.finalized, 11);

		awaitSwept(this.finalized);
		assertThat(this.rows.channels(this.finalized)).isEmpty();
		assertHeld(younger);
		assertHeld(this.idle);
		assertThat(output)
			.containsOnlyOnce("Deleted stream " + this.finalized + " (retention_finalized), by the service itself");
		assertThat(this.service.get("/actuator/prometheus").body())
			.contains(DELETED.formatted("retention_finalized", "1.0"), DELETED.formatted("retention_idle", "0.0"));
	}

	@Test
	void streamSilentForLongEnoughIsDeletedAndNoted(CapturedOutput output) throws Exception {
		start(OFTEN, IDLE_AFTER);
		UUID empty = UUID.fromString(this.service.post("/metrology/stream/initialize", "{\"points_per_chunk\": 3}")
			.json()
			.required("data_id")
			.stringValue());
		UUID younger = UUID.randomUUID();
		make(younger, false);
		make(this.idle, false);
		make(this.finalized, true);
		age(younger, 9);
		age(this.finalized, 11);

		age(this.idle, 11);
		age(empty, 11);

		awaitSwept(this.idle);
		awaitSwept(empty);
		assertThat(this.rows.channels(this.idle)).isEmpty();
		assertHeld(younger);
		assertHeld(this.finalized);
		assertThat(output).containsOnlyOnce("Deleted stream " + this.idle + " (retention_idle), by the service itself");
		Awaitility.await()
			.atMost(Duration.ofMinutes(1))
			.until(() -> this.service.get("/actuator/prometheus")
				.body()
				.contains(DELETED.formatted("retention_idle", "2.0")));
	}

	/** The sweep has chosen the stream and waits for its lock as the stream revives. */
	@Test
	void streamRevivedBetweenItsChoiceAndItsEndSurvives() throws Exception {
		start(OFTEN, IDLE_AFTER);
		make(this.idle, false);
		String of = " WHERE data_id = '" + this.idle + "'";
		this.rows.execute("UPDATE stream SET created_at = created_at - interval '11 days'" + of);
		try (Connection holding = this.database.connect(); Statement statement = holding.createStatement()) {
			holding.setAutoCommit(false);
			statement.execute("SELECT FROM stream" + of + " FOR SHARE");
			this.rows.execute("UPDATE channel SET last_received_at = last_received_at - interval '11 days'" + of);
			Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> !this.rows.texts(WAITING).isEmpty());

			Answer chunk = this.service.postChunk(Chunks.ofPoints(this.idle, "a", 1, 3));

			assertThat(chunk.status()).isEqualTo(201);
			holding.rollback();
		}
		awaitSwept(leaveToSweep());
		awaitSwept(leaveToSweep());
		assertHeld(this.idle);
	}

	/** A bare number would be milliseconds. */
	@ParameterizedTest
	@ValueSource(strings = { "metrology.retention.idle-after=30", "metrology.retention.finalized-after=0" })
	void ageThatWouldDeleteEverythingEndsTheStart(String property) {
		assertThatThrownBy(() -> start(property)).rootCause().hasMessageContaining("metrology.retention");
	}

	private void start(String... properties) {
		this.service = TestService.start(this.database, properties);
	}

	private void make(UUID dataId, boolean finalizing) {
		assertThat(this.service.postChunk(Chunks.ofPoints(dataId, "a", 0, 3)).status()).isEqualTo(201);
		if (finalizing) {
			assertThat(this.service
				.post("/metrology/stream/" + dataId + "/finalize",
						"{\"channels\": {\"a\": {\"chunks\": 1, \"total_points\": 3}}}")
				.status()).isEqualTo(200);
		}
	}

	private void age(UUID dataId, int days) throws Exception {
		String of = " WHERE data_id = '" + dataId + "'";
		String ago = " - interval '" + days + " days'";
		this.rows.execute("UPDATE channel SET last_received_at = last_received_at" + ago + of);
		this.rows
			.execute("UPDATE stream SET created_at = created_at" + ago + ", finalized_at = finalized_at" + ago + of);
	}

	/** A stream that was deleted and not purged: once it is purged, a sweep has been. */
	private UUID leaveToSweep() throws Exception {
		UUID marker = UUID.randomUUID();
		make(marker, false);
		this.rows.execute("DELETE FROM channel WHERE data_id = '" + marker + "'");
		this.rows.execute("UPDATE stream SET deleted_at = now() WHERE data_id = '" + marker + "'");
		return marker;
	}

	private void awaitSwept(UUID dataId) {
		Awaitility.await()
			.atMost(Duration.ofMinutes(1))
			.until(() -> this.rows.text("SELECT purged_at FROM stream WHERE data_id = '" + dataId + "'") != null);
	}

	private void assertHeld(UUID dataId) throws Exception {
		assertThat(this.rows.channels(dataId)).containsOnlyKeys("a");
		assertThat(this.service.get("/metrology/stream/" + dataId).status()).isEqualTo(200);
	}

}
