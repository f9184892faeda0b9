package io.metrology.stream;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import io.micrometer.core.instrument.MeterRegistry;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** Many instruments end their streams at the same time. */
class FinalizeLoadIT {

	private static final int STREAMS = 2000;

	/** The rest possibly has its answer already, or was not sent yet. */
	private static final int WAITING_TOGETHER = 1000;

	private static final int MAX_TOMCAT_THREADS = 64;

	/** Tomcat's other threads, two connection pools, the finalize threads and timers. */
	private static final int OTHER_THREADS = 70;

	private static final int PATIENCE_MILLIS = 120_000;

	@Test
	void twoThousandFinalizeRequestsAtOnceSucceedWithoutAThreadEach() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		int threadsBefore = threads();
		try (StoredRows rows = new StoredRows(database);
				TestService service = TestService.start(database, "metrology.finalize.quiet-period=18s",
						"server.tomcat.threads.max=" + MAX_TOMCAT_THREADS)) {
			List<Socket> clients = finalizeAll(service, createStreams(rows));
			try {
				awaitWaiting(service);
				int threads = threads();

				List<Integer> statuses = new ArrayList<>();
				for (Socket client : clients) {
					statuses.add(StalledChunk.status(client));
				}

				assertThat(statuses).hasSize(STREAMS).containsOnly(200);
				assertThat(threads - threadsBefore).isLessThan(MAX_TOMCAT_THREADS + OTHER_THREADS);
				assertThat(rows.text("SELECT count(*) FROM stream WHERE finalized_at IS NOT NULL"))
					.isEqualTo(String.valueOf(STREAMS));
			}
			finally {
				for (Socket client : clients) {
					client.close();
				}
			}
		}
	}

	private static List<String> createStreams(StoredRows rows) throws Exception {
		rows.execute("INSERT INTO stream (data_id, processed_data_id) SELECT gen_random_uuid(), gen_random_uuid() "
				+ "FROM generate_series(1, " + STREAMS + ")");
		rows.execute("INSERT INTO channel (data_id, channel_name) SELECT data_id, 'a' FROM stream");
		return rows.texts("SELECT data_id FROM stream");
	}

	private static List<Socket> finalizeAll(TestService service, List<String> dataIds) throws IOException {
		List<Socket> clients = new ArrayList<>();
		for (String dataId : dataIds) {
			Socket client = new Socket(service.url().getHost(), service.url().getPort());
			client.setSoTimeout(PATIENCE_MILLIS);
			client.getOutputStream()
				.write(("POST /metrology/stream/" + dataId
						+ "/finalize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
					.getBytes(StandardCharsets.US_ASCII));
			client.getOutputStream().flush();
			clients.add(client);
		}
		return clients;
	}

	private static void awaitWaiting(TestService service) {
		MeterRegistry registry = service.context().getBean(MeterRegistry.class);
		Awaitility.await()
			.atMost(Duration.ofMinutes(1))
			.until(() -> registry.get("metrology.stream.finalize.waiting").gauge().value() >= WAITING_TOGETHER);
	}

	private static int threads() {
		return ManagementFactory.getThreadMXBean().getThreadCount();
	}

}
