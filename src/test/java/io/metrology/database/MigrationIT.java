package io.metrology.database;

import java.util.List;
import java.util.UUID;

import io.metrology.Chunks;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;

/**
 * The schema that the migrations make of an empty database, as a person with psql finds
 * it.
 */
class MigrationIT {

	private static final String COMMENTS = """
			SELECT format('%s.%s: %s', attrelid::regclass, attname, col_description(attrelid, attnum))
			  FROM pg_attribute
			 WHERE attrelid IN ('stream'::regclass, 'channel'::regclass, 'chunk'::regclass)
			   AND attnum > 0
			   AND NOT attisdropped
			""";

	private TestDatabase database;

	private StoredRows rows;

	@BeforeEach
	void createDatabase() throws Exception {
		this.database = TestPostgres.newDatabase();
		this.rows = new StoredRows(this.database);
	}

	@AfterEach
	void disconnect() throws Exception {
		this.rows.close();
	}

	@Test
	void secondStartMigratesNothing() throws Exception {
		startOnce();
		List<String> migrated = this.rows.texts("SELECT row_to_json(h)::text FROM flyway_schema_history h");

		startOnce();

		assertThat(migrated).isNotEmpty();
		assertThat(this.rows.texts("SELECT row_to_json(h)::text FROM flyway_schema_history h")).isEqualTo(migrated);
	}

	@Test
	void instancesThatStartTogetherMigrateOnce() throws Exception {
		Thread other = new Thread(this::startOnce);
		other.start();

		startOnce();

		other.join();
		assertThat(this.rows.texts("SELECT script FROM flyway_schema_history WHERE success ORDER BY installed_rank"))
			.doesNotHaveDuplicates()
			.first()
			.isEqualTo("V1__create_stream_channel_chunk.sql");
	}

	@Test
	void startEndsWhereTheSchemaDiffersFromTheEntities() throws Exception {
		startOnce();
		this.rows.execute("ALTER TABLE stream DROP COLUMN stream_name");

		assertThatException().isThrownBy(this::startOnce).withMessageContaining("stream_name");
	}

	@Test
	void arraysAreCompressedWithLz4WhereTheServerHasIt() throws Exception {
		String available = this.rows.text("""
				SELECT CASE WHEN 'lz4' = ANY (enumvals) THEN 'l' ELSE '' END
				  FROM pg_settings
				 WHERE name = 'default_toast_compression'
				""");

		startOnce();

		assertThat(this.rows.texts("""
				SELECT attcompression
				  FROM pg_attribute
				 WHERE attrelid = 'chunk'::regclass
				   AND attname IN ('timestamps', 'values')
				""")).containsExactly(available, available);
	}

	@Test
	void pointsHaveTheirTimesAndNullForMissing() throws Exception {
		UUID dataId = UUID.randomUUID();
		try (TestService service = TestService.start(this.database)) {
			service.postChunk(Chunks.ofTexts(dataId, "thickness", 7,
					List.of("1705312200.25", "1705312190", "-9223372036"), List.of("null", "5.25", "-0"), "nm"));
		}

		assertThat(this.rows.texts("""
				SELECT format('%s %s %s %s %s', data_id, channel_name, chunk_index,
				              to_char("time" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
				              coalesce(value::text, 'NULL'))
				  FROM point
				""")).containsExactlyInAnyOrder(dataId + " thickness 7 2024-01-15T09:50:00.250000 NULL",
				dataId + " thickness 7 2024-01-15T09:49:50.000000 5.25",
				dataId + " thickness 7 1677-09-21T00:12:44.000000 -0");
	}

	@Test
	void columnsWithAUnitOrARuleAreExplained() throws Exception {
		startOnce();

		assertThat(this.rows.texts(COMMENTS)).filteredOn((comment) -> comment.endsWith(": "))
			.doesNotContain("chunk.timestamps: ", "chunk.values: ", "chunk.earliest_time: ", "chunk.latest_time: ",
					"chunk.min_value: ", "chunk.max_value: ", "chunk.content_hash: ", "chunk.received_at: ",
					"channel.units: ", "channel.total_points: ", "channel.chunk_count: ",
					"channel.highest_chunk_index: ", "channel.revision: ", "stream.points_per_chunk: ");
	}

	@Test
	void columnsOfTimesAndValuesSayTheirUnit() throws Exception {
		startOnce();

		assertThat(this.rows.texts(COMMENTS))
			.anySatisfy((comment) -> assertThat(comment).startsWith("chunk.timestamps: ").contains("epoch seconds"))
			.anySatisfy((comment) -> assertThat(comment).startsWith("chunk.earliest_time: ").contains("epoch seconds"))
			.anySatisfy((comment) -> assertThat(comment).startsWith("chunk.latest_time: ").contains("epoch seconds"))
			.anySatisfy((comment) -> assertThat(comment).startsWith("chunk.values: ").contains("channel's units"))
			.anySatisfy((comment) -> assertThat(comment).startsWith("chunk.min_value: ").contains("channel's units"))
			.anySatisfy((comment) -> assertThat(comment).startsWith("chunk.max_value: ").contains("channel's units"));
	}

	private void startOnce() {
		TestService.start(this.database).close();
	}

}
