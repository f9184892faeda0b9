package io.metrology.ingest;

import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.StoredChannel;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What an instance remembers of a channel never decides against what the database holds:
 * another instance changes, ends or deletes behind its back.
 */
class RememberedChannelsIT {

	private static final String MULTI = "/metrology/stream/chunk/multi";

	private static TestService service;

	private static TestService other;

	private static StoredRows rows;

	private final UUID dataId = UUID.randomUUID();

	@BeforeAll
	static void start() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		service = TestService.start(database, "metrology.finalize.quiet-period=10ms");
		other = TestService.start(database, "metrology.finalize.quiet-period=10ms");
		rows = new StoredRows(database);
	}

	@AfterAll
	static void stop() throws Exception {
		service.close();
		other.close();
		rows.close();
	}

	@BeforeEach
	void letItRemember() {
		assertThat(post(service, 0, 3)).isEqualTo(3);
		assertThat(post(service, 1, 2)).isEqualTo(5);
	}

	@Test
	void chunkOfARememberedChannelLocksNothingButItsChannel() throws Exception {
		rows.execute("BEGIN; LOCK TABLE stream IN ACCESS EXCLUSIVE MODE");
		try {
			CompletableFuture<Answer> answer = service.postChunkLater(chunk(2, 4));

			assertThat(answer.get(60, TimeUnit.SECONDS).totalPoints()).isEqualTo(9);
		}
		finally {
			rows.execute("ROLLBACK");
		}
	}

	@Test
	void totalsStayExactWhenAnotherInstanceWritesInBetween() throws Exception {
		for (int index = 2; index < 20; index += 2) {
			assertThat(post(other, index, 3)).isEqualTo(5 + 5 * (index - 2) / 2 + 3);
			assertThat(post(service, index + 1, 2)).isEqualTo(5 + 5 * (index - 2) / 2 + 5);
		}

		StoredChannel channel = rows.channels(this.dataId).get("thickness");
		assertThat(channel.totalPoints()).isEqualTo(50);
		assertThat(channel.chunkCount()).isEqualTo(20);
		assertThat(channel.revision()).isEqualTo(20);
	}

	@Test
	void chunkThatAnotherInstanceStoredIsReplacedAndNotDoubled() throws Exception {
		post(other, 2, 7);

		Answer answer = service.postChunk(chunk(2, 4));

		assertThat(answer.outcome()).isEqualTo("replaced");
		assertThat(answer.totalPoints()).isEqualTo(9);
	}

	@Test
	void chunkThatFillsAGapIsCreatedAndItsResendUnchanged() throws Exception {
		post(service, 9, 1);

		assertThat(service.postChunk(chunk(5, 4)).outcome()).isEqualTo("created");
		assertThat(service.postChunk(chunk(5, 4)).outcome()).isEqualTo("unchanged");
		assertThat(service.postChunk(chunk(5, 2)).outcome()).isEqualTo("replaced");

		assertThat(rows.channels(this.dataId).get("thickness").totalPoints()).isEqualTo(8);
	}

	@Test
	void streamThatAnotherInstanceFinalizedTakesNothing() throws Exception {
		assertThat(other.post("/metrology/stream/" + this.dataId + "/finalize").status()).isEqualTo(200);

		Answer answer = service.postChunk(chunk(2, 4));

		assertThat(answer.status()).isEqualTo(409);
		assertThat(answer.code()).isEqualTo("stream_finalized");
		assertThat(rows.channels(this.dataId).get("thickness").chunkCount()).isEqualTo(2);
	}

	@Test
	void streamThatAnotherInstanceDeletedStaysDead() throws Exception {
		assertThat(other.delete("/metrology/stream/" + this.dataId).status()).isEqualTo(204);

		assertThat(service.postChunk(chunk(2, 4)).status()).isEqualTo(410);
		assertThat(rows.channels(this.dataId)).isEmpty();
	}

	@Test
	void unitsThatAnotherInstanceCorrectedCount() throws Exception {
		String channel = "/metrology/stream/" + this.dataId + "/channels?channel=thickness";
		service.postChunk(Chunks.of(this.dataId, "thickness", 2, List.of(1.0), List.of(1.0), "nm"));
		assertThat(other.patch(channel, "{\"units\": \"um\"}").status()).isEqualTo(200);

		Answer old = service.postChunk(Chunks.of(this.dataId, "thickness", 3, List.of(1.0), List.of(1.0), "nm"));
		Answer corrected = service.postChunk(Chunks.of(this.dataId, "thickness", 3, List.of(1.0), List.of(1.0), "um"));

		assertThat(old.status()).isEqualTo(409);
		assertThat(corrected.status()).isEqualTo(201);
	}

	@Test
	void severalChannelsAreStoredWholeThoughOneWasChanged() throws Exception {
		service.post(MULTI, Chunks.multi(this.dataId, 2, 3, "a", "b", "c"));
		other.postChunk(Chunks.ofPoints(this.dataId, "b", 3, 5));

		Answer answer = service.post(MULTI, Chunks.multi(this.dataId, 4, 3, "a", "b", "c"));

		assertThat(answer.json().valueStream().map((receipt) -> receipt.get("total_points").asInt())).containsExactly(6,
				11, 6);
		assertThat(rows.channels(this.dataId).get("a").chunkCount()).isEqualTo(2);
	}

	@Test
	void whatIsAcknowledgedIsCommittedWhateverThePoolIsSetTo() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		try (TestService unusual = TestService.start(database, "spring.datasource.hikari.auto-commit=false");
				StoredRows stored = new StoredRows(database)) {
			post(unusual, 0, 1);
			post(unusual, 1, 1);

			assertThat(stored.channels(this.dataId).get("thickness").chunkCount()).isEqualTo(2);
		}
	}

	private long post(TestService instance, int index, int points) {
		return instance.postChunk(chunk(index, points)).totalPoints();
	}

	private String chunk(int index, int points) {
		return Chunks.ofPoints(this.dataId, "thickness", index, points);
	}

}
