package io.metrology.ingest;

import java.util.List;
import java.util.Map;
import java.util.UUID;

import io.metrology.http.ErrorCode;
import io.metrology.http.Fault;
import io.metrology.http.ProblemException;
import org.jspecify.annotations.Nullable;

/**
 * How many channels the streams of a batch may still come to have.
 *
 * @param before how many each stream has
 * @param most how many a stream may have
 */
record ChannelRoom(Map<UUID, Integer> before, int most) {

	static final ChannelRoom UNLIMITED = new ChannelRoom(Map.of(), Integer.MAX_VALUE);

	/** Whether a stream has room for so many channels more. */
	boolean holds(UUID dataId, long added) {
		return this.before.getOrDefault(dataId, 0) + added <= this.most;
	}

	/**
	 * Why a chunk's channel cannot be made, or null if it can.
	 * @param added how many channels its stream comes to have besides those before
	 * @param pointer to the chunk in its request
	 */
	@Nullable ProblemException refusal(Chunk chunk, long added, String pointer) {
		long after = this.before.getOrDefault(chunk.key().dataId(), 0) + added;
		if (holds(chunk.key().dataId(), added)) {
			return null;
		}
		String detail = "A stream may have " + this.most
				+ " channels at most (metrology.ingest.max-channels-per-stream), this one would have " + after;
		return new ProblemException(ErrorCode.INVALID_REQUEST, detail + " (" + chunk.key() + ").")
			.with(List.of(Fault.at(pointer.isEmpty() ? "/channel_name" : pointer, detail, chunk.key().channelName())));
	}

}
