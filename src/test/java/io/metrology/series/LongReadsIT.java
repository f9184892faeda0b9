package io.metrology.series;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

import io.metrology.Chunks;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import io.metrology.series.NaiveSeries.Point;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/** Answers that take long, and clients that are slow or leave. */
class LongReadsIT {

	private static final int CHUNKS = 400;

	private static final int POINTS = 5000;

	/** The only download at a time, so that one that never ends shows. */
	private static final String ONE_AT_A_TIME = "metrology.series.max-downloads=1";

	private static TestDatabase database;

	private static TestService service;

	private static SeriesClient client;

	private static UUID dataId;

	@BeforeAll
	static void start() throws Exception {
		database = TestPostgres.newDatabase();
		service = TestService.start(database, ONE_AT_A_TIME, "metrology.http.max-wait=3s",
				"spring.datasource.hikari.maximum-pool-size=4");
		client = new SeriesClient(service);
		dataId = UUID.randomUUID();
		service.postChunk(Chunks.ofPoints(dataId, "c", 0, POINTS));
		try (StoredRows rows = new StoredRows(database)) {
			rows.execute("""
					insert into chunk select data_id, channel_name, i, point_count, revision, received_at,
					earliest_time, latest_time, min_value, max_value, missing_count, content_hash, timestamps, "values"
					from chunk, generate_series(1, %d) i where data_id = '%s'
					""".formatted(CHUNKS - 1, dataId));
			rows.execute("""
					update channel set total_points = %d, chunk_count = %d, highest_chunk_index = %d
					where data_id = '%s'
					""".formatted(CHUNKS * POINTS, CHUNKS, CHUNKS - 1, dataId));
		}
	}

	@AfterAll
	static void stop() {
		service.close();
	}

	@ParameterizedTest
	@ValueSource(strings = { "/metrology/stream/%s/points?format=csv", "/metrology/stream/%s/points?channel=c",
			"/metrology/stream/%s/points?format=parquet", "/metrology/%s/timeseries" })
	void aSlowClientHoldsNoSnapshotAndOneThatLeavesFreesItsPlace(String path) throws Exception {
		try (StoredRows rows = new StoredRows(database);
				Socket socket = new Socket(service.url().getHost(), service.url().getPort())) {
			socket.setReceiveBufferSize(1024);
			socket.getOutputStream()
				.write(("GET " + path.formatted(dataId) + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
					.getBytes(StandardCharsets.US_ASCII));
			InputStream in = socket.getInputStream();
			for (int second = 0; second < 4; second++) {
				assertThat(in.readNBytes(1024)).hasSize(1024);
				Thread.sleep(1000);
				assertThat(rows.text("""
						select count(*) from pg_stat_activity
						where datname = current_database() and backend_xmin is not null and pid <> pg_backend_pid()
						and backend_type = 'client backend' and now() - xact_start > interval '2 s'
						""")).isEqualTo("0");
			}
			assertThat(rows.text("""
					select count(*) from pg_stat_activity
					where datname = current_database() and application_name = 'metrology-ingest' and state <> 'idle'
					""")).isEqualTo("0");
			assertThat(client.get(path.formatted(dataId)).statusCode()).as("the only slot is taken until the deadline")
				.isEqualTo(503);
		}
		awaitFreePlace();
	}

	@Test
	void aStreamThatIsDeletedWhileItIsReadDoesNotEndAsIfItWereWhole() throws Exception {
		UUID doomed = UUID.randomUUID();
		service.postChunk(Chunks.ofPoints(doomed, "c", 0, POINTS));
		try (StoredRows rows = new StoredRows(database)) {
			rows.execute("""
					insert into chunk select '%s', channel_name, chunk_index, point_count, revision, received_at,
					earliest_time, latest_time, min_value, max_value, missing_count, content_hash, timestamps, "values"
					from chunk where data_id = '%s' and chunk_index > 0
					""".formatted(doomed, dataId));
			rows.execute("update channel set chunk_count = %d, highest_chunk_index = %d where data_id = '%s'"
				.formatted(CHUNKS, CHUNKS - 1, doomed));
			Socket socket = new Socket(service.url().getHost(), service.url().getPort());
			socket.getOutputStream()
				.write(("GET /metrology/stream/" + doomed + "/points?format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
					.getBytes(StandardCharsets.US_ASCII));
			InputStream in = socket.getInputStream();
			in.readNBytes(1024);
			rows.execute("update stream set deleted_at = now() where data_id = '" + doomed + "'");
			rows.execute("delete from chunk where data_id = '" + doomed + "'");

			assertThat(endsProperly(in)).isFalse();
			socket.close();
		}
		awaitFreePlace();
	}

	@Test
	void aChunkReplacedDuringAnExportIsOldOrNew() throws Exception {
		UUID changing = UUID.randomUUID();
		int chunks = 60;
		for (int index = 0; index < chunks; index++) {
			service.postChunk(constant(changing, index, 0));
		}
		CompletableFuture<Void> writing = CompletableFuture.runAsync(() -> {
			for (int round = 1; round <= 5; round++) {
				for (int index = chunks - 1; index >= 0; index--) {
					assertThat(service.postChunk(constant(changing, index, round)).status()).isEqualTo(201);
				}
			}
		});
		int exports = 0;
		do {
			HttpResponse<byte[]> csv = client.get(SeriesClient.points(changing, "format=csv"));
			Map<Integer, Set<Double>> seen = new HashMap<>();
			Map<Integer, Integer> lengths = new HashMap<>();
			for (Point point : Columns.csv(new String(csv.body(), StandardCharsets.UTF_8))) {
				seen.computeIfAbsent(point.chunkIndex(), (index) -> new HashSet<>()).add(point.value());
				lengths.merge(point.chunkIndex(), 1, Integer::sum);
				assertThat(point.time()).isEqualTo(1.7e9 + point.value());
			}
			assertThat(seen).hasSize(chunks);
			seen.forEach((index, values) -> {
				assertThat(values).as("chunk " + index).hasSize(1);
				assertThat(lengths.get(index)).isEqualTo(length((int) (double) values.iterator().next()));
			});
			exports++;
		}
		while (!writing.isDone());
		writing.join();
		assertThat(exports).isPositive();
	}

	private static int length(int round) {
		return 1000 + round;
	}

	private static String constant(UUID dataId, int index, int round) {
		List<Double> times = java.util.Collections.nCopies(length(round), 1.7e9 + round);
		return Chunks.of(dataId, "c", index, times, java.util.Collections.nCopies(length(round), (double) round), null);
	}

	/** Whether what is left comes to the end that HTTP's chunked coding announces. */
	private static boolean endsProperly(InputStream in) {
		try {
			byte[] rest = in.readAllBytes();
			return new String(rest, Math.max(0, rest.length - 5), Math.min(5, rest.length), StandardCharsets.US_ASCII)
				.equals("0\r\n\r\n");
		}
		catch (IOException ex) {
			return false;
		}
	}

	private static void awaitFreePlace() throws InterruptedException {
		int attempt = 0;
		while (client.get(SeriesClient.points(dataId, "channel=c&last_n=1")).statusCode() != 200) {
			assertThat(attempt++).as("attempts until the place was free").isLessThan(300);
			Thread.sleep(100);
		}
	}

}
