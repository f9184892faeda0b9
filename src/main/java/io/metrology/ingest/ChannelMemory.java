package io.metrology.ingest;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.metrology.ingest.Holdings.ChannelState;
import io.metrology.ingest.Holdings.StreamState;
import org.jspecify.annotations.Nullable;

import org.springframework.stereotype.Component;

/**
 * What the channels held when this instance last wrote to them. It may be out of date,
 * since others write, too: so whoever builds on it makes the write depend on the
 * channel's revision, which every change to a channel, and the end of its stream, moves
 * on.
 */
@Component
class ChannelMemory {

	/** Some 300 bytes each, where names are short. */
	private static final int MOST_CHANNELS = 50_000;

	private static final Duration DISTRUST = Duration.ofSeconds(10);

	private final Cache<ChunkKey.Channel, ChannelState> channels = Caffeine.newBuilder()
		.maximumSize(MOST_CHANNELS)
		.build();

	private final Cache<ChunkKey.Channel, Boolean> shared = Caffeine.newBuilder()
		.maximumSize(MOST_CHANNELS)
		.expireAfterWrite(DISTRUST)
		.build();

	/**
	 * What is probably held of a batch's keys, or null if that cannot be said: a channel
	 * is not remembered, or one of the chunks may be held.
	 */
	@Nullable Holdings recall(BatchKeys keys) {
		Map<ChunkKey.Channel, ChannelState> recalled = new HashMap<>();
		Map<UUID, StreamState> streams = new HashMap<>();
		for (ChunkKey key : keys.chunks()) {
			ChannelState state = this.channels.getIfPresent(key.channel());
			if (state == null || mayHold(state, key.chunkIndex())) {
				return null;
			}
			recalled.put(key.channel(), state);
			streams.put(key.dataId(), StreamState.OPEN);
		}
		return new Holdings(streams, recalled, Map.of());
	}

	/** Below the highest there are chunks that are missing, or else each is held. */
	private static boolean mayHold(ChannelState state, int chunkIndex) {
		return chunkIndex <= state.highestChunkIndex() && state.chunkCount() == state.highestChunkIndex() + 1L;
	}

	/** Notes what channels hold, as of a commit. */
	void remember(Map<ChunkKey.Channel, ChannelState> written) {
		written.forEach((channel, state) -> {
			if (state.times().stale() || this.shared.getIfPresent(channel) != null) {
				this.channels.invalidate(channel);
			}
			else {
				this.channels.put(channel, state);
			}
		});
	}

	/**
	 * Notes that a batch was planned from memory in vain, mostly as others write to one
	 * of these channels, too. For a while nothing is built on what is remembered of them:
	 * it would be in vain each time.
	 */
	void distrust(Collection<ChunkKey.Channel> shared) {
		this.channels.invalidateAll(shared);
		shared.forEach((channel) -> this.shared.put(channel, true));
	}

	/** After the server was lost nothing is certain; another may have taken over. */
	void forget() {
		this.channels.invalidateAll();
	}

}
