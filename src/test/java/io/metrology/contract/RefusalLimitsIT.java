package io.metrology.contract;

import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import io.metrology.StoredRows;
import io.metrology.contract.Keys.Key;
import io.metrology.http.ErrorCode;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Records of refused chunks have limits, and only requests of those who may write have
 * records.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RefusalLimitsIT {

	private static final int MAX_TOTAL = 80 * 1024;

	private final RunningService service = RunningService.start(Keys.SETTING, "metrology.refusals.max-total=80KB",
			"metrology.refusals.max-body=4KB", "metrology.refusals.max-rate=1000", "metrology.http.max-body-size=100KB",
			"metrology.http.body-timeout=2s");

	private final Client client = this.service.client();

	private final Keys keys = new Keys(this.service);

	private final StoredRows rows;

	RefusalLimitsIT() throws SQLException {
		this.rows = new StoredRows(this.service.database());
	}

	@BeforeEach
	void deleteRecords() throws SQLException {
		this.rows.execute("DELETE FROM refusal");
	}

	@AfterAll
	void stop() throws SQLException {
		this.rows.close();
		this.service.close();
	}

	@Test
	void longBodyIsRecordedWithoutItsContentAndStoredIfItIsSentAgain() {
		ChunkJson chunk = new ChunkJson();
		String id = refuse(Keys.BOOTSTRAP, chunk.with("values", "[1]").paddedTo(4097));

		assertThat(get("/metrology/refusals/" + id).json().required("has_body").booleanValue()).isFalse();
		assertThat(get("/metrology/refusals/" + id).json().required("body_bytes").intValue()).isEqualTo(4097);
		get("/metrology/refusals/" + id + "/body").assertProblem(ErrorCode.REFUSAL_WITHOUT_BODY);
		resend(id, "", "application/json").assertNotStored(ErrorCode.REFUSAL_WITHOUT_BODY);
		resend(id, "{}", "application/merge-patch+json").assertNotStored(ErrorCode.REFUSAL_WITHOUT_BODY);
		assertThat(resend(id, chunk.with("values", "[1, 2, 3]").toString(), "application/json").status())
			.isEqualTo(201);
	}

	@Test
	void oneKeyGetsAQuarterAndItsOldestRecordsAreDeleted() throws SQLException {
		String other = refuse(this.keys.make("write").secret(), invalid(0));
		Key key = this.keys.make("write");
		List<String> ids = new ArrayList<>();
		for (int i = 0; i < 30; i++) {
			ids.add(refuse(key.secret(), invalid(i)));
			assertThat(bytes("key_id = '" + key.id() + "'")).isLessThanOrEqualTo(MAX_TOTAL / 4);
		}

		List<String> kept = this.rows
			.texts("SELECT id FROM refusal WHERE key_id = '" + key.id() + "' ORDER BY first_received_at");
		assertThat(kept).hasSizeGreaterThanOrEqualTo(7).isEqualTo(ids.subList(30 - kept.size(), 30));
		assertThat(get("/metrology/refusals/" + other).status()).isEqualTo(200);
		assertThat(metric("metrology_refusals_dropped_total\\{reason=\"max_total\"}")).isGreaterThanOrEqualTo(20);
	}

	@Test
	void oneStreamGetsAQuarterFromAllKeysTogether() throws SQLException {
		String other = refuse(Keys.BOOTSTRAP, invalid(0));
		ChunkJson chunk = new ChunkJson();
		List<Key> several = List.of(this.keys.make("write"), this.keys.make("write"), this.keys.make("write"));
		for (int i = 0; i < 30; i++) {
			refuse(several.get(i % 3).secret(), chunk.with("values", "[" + i + "]").toString());
			assertThat(bytes("data_id = '" + chunk.dataId + "'")).isLessThanOrEqualTo(MAX_TOTAL / 4);
		}

		assertThat(get("/metrology/refusals/" + other).status()).isEqualTo(200);
	}

	@Test
	void allRecordsTogetherStayWithinTheLimitAtTheCostOfTheLargestUser() throws SQLException {
		String alone = refuse(this.keys.make("write").secret(), invalid(0));
		for (int user = 0; user < 6; user++) {
			Key key = this.keys.make("write");
			for (int i = 0; i < 8; i++) {
				String id = refuse(key.secret(), invalid(i));
				assertThat(get("/metrology/refusals/" + id).status()).isEqualTo(200);
				assertThat(bytes("true")).isLessThanOrEqualTo(MAX_TOTAL);
			}
		}

		assertThat(bytes("true")).isGreaterThan(MAX_TOTAL * 3 / 4);
		assertThat(get("/metrology/refusals/" + alone).status()).isEqualTo(200);
	}

	@Test
	void requestsOfThoseWhoMayNotWriteAreNotRecorded() throws Exception {
		String json = invalid(1);
		assertUnrecorded(post(this.keys.make("read", "delete", "admin").secret(), json), ErrorCode.SCOPE_MISSING);
		assertUnrecorded(post(this.keys.revoked().secret(), json), ErrorCode.API_KEY_REVOKED);
		assertUnrecorded(post("wrong", json), ErrorCode.API_KEY_INVALID);
		assertUnrecorded(this.client.postChunk(json), ErrorCode.API_KEY_MISSING);
		assertThat(this.rows.text("SELECT count(*) FROM refusal")).isEqualTo("0");
	}

	@Test
	void bodiesThatAreTooLargeOrDidNotArriveAreNotRecorded() throws Exception {
		assertUnrecorded(post(Keys.BOOTSTRAP, new ChunkJson().paddedTo(100 * 1024 + 1)), ErrorCode.BODY_TOO_LARGE);
		try (RawConnection connection = RawConnection.to(this.service)) {
			connection.write("POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: " + Keys.BOOTSTRAP
					+ "\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"data_id\":");
			connection.endWriting();
			assertThat(connection.read().header("Refusal-Id")).isNull();
		}
		try (RawConnection connection = RawConnection.to(this.service)) {
			connection.write("POST /metrology/stream/chunk HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: " + Keys.BOOTSTRAP
					+ "\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"data_id\":");
			assertSlowlyRefused(connection);
		}
		assertThat(this.rows.text("SELECT count(*) FROM refusal")).isEqualTo("0");
	}

	private static void assertSlowlyRefused(RawConnection connection) throws IOException, InterruptedException {
		for (int i = 0; i < 6; i++) {
			Thread.sleep(500);
			try {
				connection.write(" ");
			}
			catch (IOException ex) {
				break;
			}
		}
		Answer answer = connection.read();
		answer.assertNotStored(ErrorCode.REQUEST_TIMEOUT);
		assertThat(answer.header("Refusal-Id")).isNull();
	}

	@Test
	void recordsThatAreTooOldAreDeleted() throws SQLException {
		String old = refuse(Keys.BOOTSTRAP, invalid(1));
		String young = refuse(Keys.BOOTSTRAP, invalid(2));
		this.rows.execute("UPDATE refusal SET first_received_at = first_received_at - interval '31 days', "
				+ "last_received_at = last_received_at - interval '31 days' WHERE id = '" + old + "'");

		Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> get("/metrology/refusals/" + old).status() == 404);

		assertThat(get("/metrology/refusals/" + young).status()).isEqualTo(200);
	}

	@Test
	void countsOfInventedStreamsAreBounded() throws SQLException {
		this.rows.execute("INSERT INTO refusal_count (data_id, count, last_received_at) SELECT gen_random_uuid(), 1, "
				+ "clock_timestamp() - interval '1 hour' FROM generate_series(1, 10100)");

		Awaitility.await()
			.atMost(Duration.ofMinutes(1))
			.until(() -> Integer.parseInt(this.rows.text("SELECT count(*) FROM refusal_count")) <= 10_000);
	}

	@Test
	void requestsAboveTheRateAreCountedAndNotRecorded() throws SQLException {
		try (RunningService slow = RunningService.start("metrology.refusals.max-rate=3")) {
			ChunkJson chunk = new ChunkJson();
			slow.client().postChunk(chunk.toString());
			int recorded = 0;
			for (int i = 0; i < 100; i++) {
				recorded += (slow.client()
					.postChunk(chunk.with("values", "[" + i + "]").toString())
					.header("Refusal-Id") != null) ? 1 : 0;
			}

			assertThat(recorded).isGreaterThanOrEqualTo(3).isLessThan(100);
			String scrape = slow.client().get("/actuator/prometheus").text();
			assertThat(sample(scrape, "metrology_refusals_recorded_total")).isEqualTo(recorded);
			assertThat(sample(scrape, "metrology_refusals_unrecorded_total\\{reason=\"max_rate\"}"))
				.isEqualTo(100 - recorded);
			Awaitility.await()
				.atMost(Duration.ofSeconds(30))
				.until(() -> slow.client()
					.get("/metrology/stream/" + chunk.dataId)
					.json()
					.required("refused")
					.required("count")
					.intValue() == 100);
		}
	}

	private static String invalid(int number) {
		return new ChunkJson().with("values", "[" + number + "]").toString();
	}

	private String refuse(String key, String json) {
		Answer answer = post(key, json);
		answer.assertNotStored(ErrorCode.INVALID_REQUEST);
		assertThat(answer.header("Refusal-Id")).isNotNull();
		return answer.header("Refusal-Id");
	}

	private static void assertUnrecorded(Answer answer, ErrorCode code) {
		answer.assertNotStored(code);
		assertThat(answer.header("Refusal-Id")).isNull();
	}

	private Answer post(String key, String json) {
		return this.client.send("POST", Client.CHUNKS, BodyPublishers.ofString(json), "Content-Type",
				"application/json", "X-API-KEY", key);
	}

	private Answer get(String path) {
		return this.client.get(path, "X-API-KEY", Keys.BOOTSTRAP);
	}

	private Answer resend(String id, String body, String type) {
		return this.client.send("POST", "/metrology/refusals/" + id + "/resend", BodyPublishers.ofString(body),
				"Content-Type", type, "X-API-KEY", Keys.BOOTSTRAP);
	}

	private long bytes(String condition) throws SQLException {
		return Long.parseLong(this.rows.text("SELECT coalesce(sum(size_bytes), 0) FROM refusal WHERE " + condition));
	}

	private double metric(String name) {
		return sample(get("/actuator/prometheus").text(), name);
	}

	private static double sample(String scrape, String name) {
		Matcher sample = Pattern.compile("(?m)^" + name + " (\\S+)$").matcher(scrape);
		assertThat(sample.find()).as(name).isTrue();
		return Double.parseDouble(sample.group(1));
	}

}
