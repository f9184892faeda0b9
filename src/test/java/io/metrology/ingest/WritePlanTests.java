package io.metrology.ingest;

import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;

import io.metrology.http.Caller;
import io.metrology.http.ErrorCode;
import io.metrology.ingest.ChunkReceipt.Outcome;
import io.metrology.ingest.Holdings.ChannelState;
import io.metrology.ingest.Holdings.ChannelTimes;
import io.metrology.ingest.Holdings.HeldChunk;
import io.metrology.ingest.Holdings.StreamState;
import io.metrology.ingest.IngestProperties.UnitsMismatch;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** What a batch writes, decided without a database. */
class WritePlanTests {

	private static final Instant STORED_AT = Instant.parse("2026-01-31T12:00:00Z");

	private static final UUID STREAM = UUID.fromString("d290f1ee-6c54-4b01-90e6-d701748f0851");

	private static final ChunkKey.Channel THICKNESS = new ChunkKey.Channel(STREAM, "thickness");

	private final Map<UUID, StreamState> streams = new HashMap<>(Map.of(STREAM, StreamState.OPEN));

	private final Map<ChunkKey.Channel, ChannelState> channels = new HashMap<>();

	private final Map<ChunkKey, HeldChunk> chunks = new HashMap<>();

	@Test
	void firstChunkIsCreated() {
		WritePlan plan = plan();

		ChunkReceipt receipt = receipt(plan, chunk("thickness", 4, "nm", 1, 2, 3));

		assertThat(receipt.outcome()).isEqualTo(Outcome.CREATED);
		assertThat(receipt.totalPoints()).isEqualTo(3);
		assertThat(plan.channels()).containsEntry(THICKNESS,
				new ChannelState("nm", 3, 1, 4, 1, new ChannelTimes(1, 3, 4, false)));
	}

	@Test
	void shorterChunkTakesPointsAway() {
		hold(chunk("thickness", 0, "nm", 1, 2, 3), chunk("thickness", 1, "nm", 4, 5));
		WritePlan plan = plan();

		ChunkReceipt receipt = receipt(plan, chunk("thickness", 0, "nm", 9));

		assertThat(receipt.outcome()).isEqualTo(Outcome.REPLACED);
		assertThat(receipt.totalPoints()).isEqualTo(3);
		assertThat(plan.channels()).containsEntry(THICKNESS,
				new ChannelState("nm", 3, 2, 1, 3, new ChannelTimes(1, 9, 0, true)));
	}

	@Test
	void longerChunkAddsPoints() {
		hold(chunk("thickness", 0, null, 1));

		assertThat(receipt(plan(), chunk("thickness", 0, null, 1, 2, 3, 4)).totalPoints()).isEqualTo(4);
	}

	@Test
	void identicalResendWritesNothing() {
		Chunk chunk = chunk("thickness", 0, "nm", 1, 2);
		hold(chunk);
		WritePlan plan = plan();

		ChunkReceipt receipt = receipt(plan, chunk);

		assertThat(receipt.outcome()).isEqualTo(Outcome.UNCHANGED);
		assertThat(receipt.totalPoints()).isEqualTo(2);
		assertThat(plan.chunks()).isEmpty();
		assertThat(plan.channels()).isEmpty();
	}

	@Test
	void identicalResendWithoutUnitsWritesNothing() {
		hold(chunk("thickness", 0, "nm", 1, 2));

		assertThat(receipt(plan(), chunk("thickness", 0, null, 1, 2)).outcome()).isEqualTo(Outcome.UNCHANGED);
	}

	@Test
	void resendThatSaysTheUnitsFirstGivesThemToTheChannel() {
		hold(chunk("thickness", 0, null, 1, 2));
		WritePlan plan = plan();

		ChunkReceipt receipt = receipt(plan, chunk("thickness", 0, "nm", 1, 2));

		assertThat(receipt.outcome()).isEqualTo(Outcome.REPLACED);
		assertThat(plan.channels()).containsEntry(THICKNESS,
				new ChannelState("nm", 2, 1, 0, 2, new ChannelTimes(1, 2, 0, false)));
	}

	@Test
	void eachSubmissionSeesTheTotalOfThoseBeforeIt() {
		WritePlan plan = plan();

		List<Long> totals = Stream
			.of(chunk("thickness", 1, null, 1, 2, 3), chunk("thickness", 0, null, 4, 5), chunk("thickness", 7, null, 6))
			.map((chunk) -> receipt(plan, chunk).totalPoints())
			.toList();

		assertThat(totals).containsExactly(3L, 5L, 6L);
		assertThat(plan.channels()).containsEntry(THICKNESS,
				new ChannelState(null, 6, 3, 7, 3, new ChannelTimes(1, 6, 7, false)));
		assertThat(plan.chunks()).extracting(WritePlan.PlannedChunk::revision).containsExactly(1L, 2L, 3L);
	}

	@Test
	void chunksOfOneSubmissionSeeEachOther() {
		List<ChunkReceipt> receipts = plan()
			.add(Submission.ofChannels(List.of(chunk("thickness", 0, null, 1, 2), chunk("thickness", 1, null, 3)),
					Caller.WITHOUT_KEY))
			.receiptsOrThrow();

		assertThat(receipts).extracting(ChunkReceipt::totalPoints).containsExactly(2L, 3L);
	}

	@Test
	void otherUnitsAreRefused() {
		hold(chunk("thickness", 0, "nm", 1));

		assertRefused(plan(), ErrorCode.UNITS_MISMATCH, chunk("thickness", 1, "um", 2));
	}

	@Test
	void otherUnitsAreStoredWhereTheChannelKeepsItsOwn() {
		hold(chunk("thickness", 0, "nm", 1));
		WritePlan plan = new WritePlan(holdings(), UnitsMismatch.KEEP, true);

		ChunkReceipt receipt = receipt(plan, chunk("thickness", 1, "um", 2));

		assertThat(receipt.totalPoints()).isEqualTo(2);
		assertThat(plan.channels()).containsEntry(THICKNESS,
				new ChannelState("nm", 2, 2, 1, 2, new ChannelTimes(1, 2, 1, false)));
	}

	@Test
	void unitsSaidByAnEarlierSubmissionOfTheBatchBindLaterOnes() {
		WritePlan plan = plan();
		receipt(plan, chunk("thickness", 0, "nm", 1));

		assertRefused(plan, ErrorCode.UNITS_MISMATCH, chunk("thickness", 1, "um", 2));
	}

	@Test
	void refusedSubmissionLeavesNoTrace() {
		hold(chunk("thickness", 0, "nm", 1));
		WritePlan plan = plan();

		assertRefused(plan, ErrorCode.UNITS_MISMATCH, chunk("pressure", 0, "Pa", 1), chunk("thickness", 1, "um", 2));

		assertThat(plan.chunks()).isEmpty();
		assertThat(plan.channels()).isEmpty();
		assertThat(receipt(plan, chunk("pressure", 0, "mbar", 1)).totalPoints()).isEqualTo(1);
	}

	@Test
	void unknownStreamIsRefusedWhereNoneIsRegistered() {
		this.streams.clear();
		WritePlan plan = new WritePlan(holdings(), UnitsMismatch.REJECT, false);

		assertRefused(plan, ErrorCode.STREAM_UNKNOWN, chunk("thickness", 0, null, 1));
	}

	@Test
	void newDataOfAFinalizedStreamIsRefused() {
		Chunk chunk = chunk("thickness", 0, null, 1);
		hold(chunk);
		this.streams.put(STREAM, StreamState.FINALIZED);

		assertRefused(plan(), ErrorCode.STREAM_FINALIZED, chunk("thickness", 0, null, 2));
		assertThat(receipt(plan(), chunk).outcome()).isEqualTo(Outcome.UNCHANGED);
	}

	@Test
	void deletedStreamTakesNothing() {
		this.streams.put(STREAM, StreamState.DELETED);

		assertRefused(plan(), ErrorCode.STREAM_DELETED, chunk("thickness", 0, null, 1));
	}

	@Test
	void channelWithoutAnAcceptedChunkIsEmpty() {
		WritePlan plan = plan();
		receipt(plan, chunk("thickness", 0, null, 1));
		ChunkKey.Channel pressure = new ChunkKey.Channel(STREAM, "pressure");

		assertThat(plan.emptyOf(List.of(THICKNESS, pressure))).containsExactly(pressure);
	}

	private void hold(Chunk... held) {
		for (Chunk chunk : held) {
			ChannelState before = this.channels.getOrDefault(chunk.key().channel(), ChannelState.EMPTY);
			this.channels.put(chunk.key().channel(), before.plus(chunk, null));
			this.chunks.put(chunk.key(), new HeldChunk(chunk.pointCount(), chunk.contentHash(),
					chunk.summary().earliestTime(), chunk.summary().latestTime(), STORED_AT));
		}
	}

	private WritePlan plan() {
		return new WritePlan(holdings(), UnitsMismatch.REJECT, true);
	}

	private Holdings holdings() {
		return new Holdings(this.streams, this.channels, this.chunks);
	}

	private static Chunk chunk(String channel, int index, String units, double... values) {
		return Chunk.of(new ChunkKey(STREAM, channel, index), values.clone(), values, units);
	}

	private static ChunkReceipt receipt(WritePlan plan, Chunk chunk) {
		return plan.add(Submission.of(chunk, Caller.WITHOUT_KEY)).receiptsOrThrow().get(0);
	}

	private static void assertRefused(WritePlan plan, ErrorCode code, Chunk... chunks) {
		WriteResult result = plan.add(Submission.ofChannels(List.of(chunks), Caller.WITHOUT_KEY));

		assertThat(result.receipts()).isEmpty();
		assertThat(result.refusal()).isNotNull();
		assertThat(result.refusal().code()).isEqualTo(code);
	}

}
