package io.metrology.ingest;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;

import io.metrology.http.Caller;
import io.metrology.ingest.Holdings.ChannelState;
import io.metrology.ingest.Holdings.ChannelTimes;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class ChannelMemoryTests {

	private static final ChunkKey.Channel CHANNEL = new ChunkKey.Channel(
			UUID.fromString("d290f1ee-6c54-4b01-90e6-d701748f0851"), "thickness");

	private final ChannelMemory memory = new ChannelMemory();

	@Test
	void unknownChannelIsNotRecalled() {
		assertThat(this.memory.recall(keys(0))).isNull();
	}

	@Test
	void newChunksAreRecalledWithTheirChannel() {
		remember(3, 2, false);

		assertThat(this.memory.recall(keys(3, 5))).isNotNull()
			.extracting(Holdings::channels)
			.isEqualTo(Map.of(CHANNEL, state(3, 2, false)));
	}

	@Test
	void chunkThatMustBeHeldIsNotTakenForNew() {
		remember(3, 2, false);

		assertThat(this.memory.recall(keys(3, 2))).isNull();
	}

	@Test
	void chunkInAGapMayBeNew() {
		remember(3, 9, false);

		assertThat(this.memory.recall(keys(4))).isNotNull();
	}

	@Test
	void channelWhoseTimesAreTakenAnewIsNotRecalled() {
		remember(3, 2, false);
		remember(3, 2, true);

		assertThat(this.memory.recall(keys(3))).isNull();
	}

	@Test
	void channelThatOthersWriteToIsNotRecalledForAWhile() {
		remember(3, 2, false);

		this.memory.distrust(List.of(CHANNEL));
		remember(4, 3, false);

		assertThat(this.memory.recall(keys(4))).isNull();
	}

	@Test
	void nothingIsRecalledAfterAFailure() {
		remember(3, 2, false);

		this.memory.forget();

		assertThat(this.memory.recall(keys(3))).isNull();
	}

	private void remember(int chunks, int highest, boolean stale) {
		this.memory.remember(Map.of(CHANNEL, state(chunks, highest, stale)));
	}

	private static ChannelState state(int chunks, int highest, boolean stale) {
		return new ChannelState("nm", 10, chunks, highest, chunks, new ChannelTimes(1, 2, highest, stale));
	}

	private static BatchKeys keys(int... indexes) {
		return BatchKeys.of(IntStream.of(indexes)
			.mapToObj((index) -> new ChunkKey(CHANNEL.dataId(), CHANNEL.channelName(), index))
			.map((key) -> Submission.of(Chunk.of(key, new double[1], new double[1], null), Caller.WITHOUT_KEY))
			.toList());
	}

}
