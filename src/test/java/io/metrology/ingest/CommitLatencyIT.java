package io.metrology.ingest;

import java.util.UUID;

import io.metrology.Chunks;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** The histogram of commits shows a slow disk: COMMIT itself is in the time it takes. */
class CommitLatencyIT {

	private static final String SLOW_COMMIT = """
			CREATE FUNCTION delay_commit() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
			    PERFORM pg_sleep(0.3);
			    RETURN NULL;
			END
			$$;
			CREATE CONSTRAINT TRIGGER slow_commit
			 AFTER INSERT ON chunk
			DEFERRABLE INITIALLY DEFERRED
			   FOR EACH ROW EXECUTE FUNCTION delay_commit()
			""";

	/** No upper bound below 10 s: on a busy machine everything may take longer. */
	@Test
	void commitThatTakes300MillisecondsIsCountedAbove250() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		try (TestService service = TestService.start(database); StoredRows rows = new StoredRows(database)) {
			String dataId = UUID.randomUUID().toString();
			service.postChunk(Chunks.ofPoints(UUID.fromString(dataId), "thickness", 0, 3));
			rows.execute(SLOW_COMMIT);
			Commits before = Commits.of(service);

			service.postChunk(Chunks.ofPoints(UUID.fromString(dataId), "thickness", 1, 3));

			Commits after = Commits.of(service);
			assertThat(after.count() - before.count()).isEqualTo(1);
			assertThat(after.within("0.25") - before.within("0.25")).isZero();
			assertThat(after.within("10.0") - before.within("10.0")).isEqualTo(1);
		}
	}

	@Test
	void refusedChunkIsNoSlowCommit() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		try (TestService service = TestService.start(database)) {
			Commits before = Commits.of(service);

			service.postChunk("{}");

			assertThat(Commits.of(service).count()).isEqualTo(before.count());
		}
	}

	/** The histogram as Prometheus scrapes it. */
	private record Commits(String scrape) {

		static Commits of(TestService service) {
			return new Commits(service.get("/actuator/prometheus").body());
		}

		long count() {
			return number("metrology_ingest_commit_seconds_count");
		}

		long within(String seconds) {
			return number("metrology_ingest_commit_seconds_bucket{le=\"" + seconds + "\"}");
		}

		private long number(String series) {
			return this.scrape.lines()
				.filter((line) -> line.startsWith(series + " "))
				.mapToLong((line) -> (long) Double.parseDouble(line.substring(series.length())))
				.findFirst()
				.orElseThrow(() -> new AssertionError(series + " is not in the scrape"));
		}

	}

}
