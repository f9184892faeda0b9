package io.metrology.ingest;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

import io.metrology.http.ErrorCode;
import io.metrology.http.Fault;
import io.metrology.http.ProblemException;
import io.metrology.ingest.ChunkReceipt.Outcome;
import io.metrology.ingest.Holdings.ChannelState;
import io.metrology.ingest.Holdings.HeldChunk;
import io.metrology.ingest.Holdings.StreamState;
import io.metrology.ingest.IngestProperties.UnitsMismatch;
import org.jspecify.annotations.Nullable;

/**
 * Decides what a batch writes, from what the database holds. Submissions are taken in
 * order, each on top of those before it: each sees its own running total. A submission
 * that is refused leaves no trace in the plan.
 */
class WritePlan {

	private final Holdings holdings;

	private final UnitsMismatch unitsMismatch;

	/** Whether a stream that was never seen may be written to. */
	private final boolean registering;

	private final ChannelRoom room;

	/** In key order: that in which they are locked. */
	private final Map<ChunkKey.Channel, ChannelState> channels = new TreeMap<>();

	private final List<PlannedChunk> chunks = new ArrayList<>();

	/** Makes a plan for channels that exist, or for streams with room for any number. */
	WritePlan(Holdings holdings, UnitsMismatch unitsMismatch, boolean registering) {
		this(holdings, unitsMismatch, registering, ChannelRoom.UNLIMITED);
	}

	WritePlan(Holdings holdings, UnitsMismatch unitsMismatch, boolean registering, ChannelRoom room) {
		this.room = room;
		this.holdings = holdings;
		this.unitsMismatch = unitsMismatch;
		this.registering = registering;
	}

	/**
	 * Takes the next submission into the plan, or refuses it. No key may come twice in a
	 * plan.
	 */
	WriteResult add(Submission submission) {
		Map<ChunkKey.Channel, ChannelState> changed = new HashMap<>();
		List<PlannedChunk> planned = new ArrayList<>();
		List<ChunkReceipt> receipts = new ArrayList<>();
		for (Chunk chunk : submission.chunks()) {
			ChannelState before = changed.getOrDefault(chunk.key().channel(), state(chunk));
			HeldChunk held = this.holdings.chunks().get(chunk.key());
			ProblemException refusal = refusal(chunk, before, held, submission);
			if (refusal != null) {
				return WriteResult.refused(refusal);
			}
			if (isHeld(chunk, before, held)) {
				receipts
					.add(new ChunkReceipt(chunk.key(), before.totalPoints(), Outcome.UNCHANGED, chunk.contentHash()));
				continue;
			}
			ChannelState after = before.plus(chunk, held);
			changed.put(chunk.key().channel(), after);
			planned.add(new PlannedChunk(chunk, after.revision(), submission.caller().keyId()));
			receipts.add(new ChunkReceipt(chunk.key(), after.totalPoints(),
					(held != null) ? Outcome.REPLACED : Outcome.CREATED, chunk.contentHash()));
		}
		this.channels.putAll(changed);
		this.chunks.addAll(planned);
		return WriteResult.stored(receipts);
	}

	/** The chunks to write. */
	List<PlannedChunk> chunks() {
		return this.chunks;
	}

	/** The channels to change, with what they hold afterwards. */
	Map<ChunkKey.Channel, ChannelState> channels() {
		return this.channels;
	}

	/**
	 * The channels to change that may be cached. A cached channel stands for an open
	 * stream, so the channels of a finalized one, which only a resend changes, are not.
	 */
	Map<ChunkKey.Channel, ChannelState> channelsToCache() {
		Map<ChunkKey.Channel, ChannelState> open = new TreeMap<>(this.channels);
		open.keySet().removeIf((channel) -> isFinalized(channel.dataId()));
		return open;
	}

	/** Returns whether the plan writes to a stream that was finalized before. */
	boolean changesFinalized(UUID dataId) {
		return isFinalized(dataId) && this.channels.keySet().stream().anyMatch((key) -> key.dataId().equals(dataId));
	}

	private boolean isFinalized(UUID dataId) {
		return this.holdings.streams().get(dataId) == StreamState.FINALIZED;
	}

	/** What those channels held before, in the same order. */
	Collection<ChannelState> before() {
		return this.channels.keySet()
			.stream()
			.map((channel) -> this.holdings.channels().getOrDefault(channel, ChannelState.EMPTY))
			.toList();
	}

	/**
	 * Those of the channels given that hold nothing and will not: none of their chunks
	 * was accepted.
	 */
	List<ChunkKey.Channel> emptyOf(Collection<ChunkKey.Channel> candidates) {
		return candidates.stream()
			.filter((channel) -> !this.channels.containsKey(channel))
			.filter((channel) -> this.holdings.channels().getOrDefault(channel, ChannelState.EMPTY).chunkCount() == 0)
			.toList();
	}

	private ChannelState state(Chunk chunk) {
		ChannelState planned = this.channels.get(chunk.key().channel());
		return (planned != null) ? planned
				: this.holdings.channels().getOrDefault(chunk.key().channel(), ChannelState.EMPTY);
	}

	private @Nullable ProblemException refusal(Chunk chunk, ChannelState channel, @Nullable HeldChunk held,
			Submission submission) {
		StreamState stream = this.holdings.streams().get(chunk.key().dataId());
		if (stream == null && !this.registering) {
			return new ProblemException(ErrorCode.STREAM_UNKNOWN,
					"No stream has this data_id; initialize it first, or set " + "metrology.streams.unknown=register ("
							+ chunk.key() + ").");
		}
		if (stream == StreamState.DELETED) {
			return new ProblemException(ErrorCode.STREAM_DELETED,
					"The stream was deleted and takes no more data (" + chunk.key() + ").");
		}
		if (isHeld(chunk, channel, held)) {
			return null;
		}
		if (stream == StreamState.FINALIZED && submission.resend() == null) {
			return new ProblemException(ErrorCode.STREAM_FINALIZED,
					"The stream was finalized and accepts no new data (" + chunk.key() + ").");
		}
		ProblemException full = full(chunk, channel, submission);
		if (full != null) {
			return full;
		}
		if (isMismatch(chunk, channel)) {
			return unitsMismatch(chunk, channel, submission.pointerTo(chunk));
		}
		return isNewer(held, submission) ? newer(chunk) : null;
	}

	private static boolean isNewer(@Nullable HeldChunk held, Submission submission) {
		return held != null && submission.resend() != null && submission.resend().isOlderThan(held.receivedAt());
	}

	private static ProblemException newer(Chunk chunk) {
		return new ProblemException(ErrorCode.CHUNK_NEWER,
				"Other content was stored for this chunk after the refusal; resend with replace=true to replace it ("
						+ chunk.key() + ").");
	}

	/** A submission has several chunks only of different channels of one stream. */
	private @Nullable ProblemException full(Chunk chunk, ChannelState channel, Submission submission) {
		UUID dataId = chunk.key().dataId();
		if (channel.chunkCount() > 0 || this.room.holds(dataId, this.channels.size() + submission.chunks().size())) {
			return null;
		}
		long planned = this.channels.keySet()
			.stream()
			.filter((key) -> key.dataId().equals(dataId) && isNew(key))
			.count();
		long wanted = submission.chunks().stream().filter((other) -> state(other).chunkCount() == 0).count();
		return this.room.refusal(chunk, planned + wanted, submission.pointerTo(chunk));
	}

	private boolean isNew(ChunkKey.Channel channel) {
		return this.holdings.channels().getOrDefault(channel, ChannelState.EMPTY).chunkCount() == 0;
	}

	private boolean isHeld(Chunk chunk, ChannelState channel, @Nullable HeldChunk held) {
		boolean sameUnits = chunk.units() == null || chunk.units().equals(channel.units());
		boolean keptUnits = this.unitsMismatch == UnitsMismatch.KEEP && channel.units() != null;
		return held != null && (sameUnits || keptUnits) && held.hasContentOf(chunk);
	}

	private boolean isMismatch(Chunk chunk, ChannelState channel) {
		return this.unitsMismatch == UnitsMismatch.REJECT && chunk.units() != null && channel.units() != null
				&& !chunk.units().equals(channel.units());
	}

	private static ProblemException unitsMismatch(Chunk chunk, ChannelState channel, String pointer) {
		String detail = "The channel is held in " + channel.units() + ", the chunk is in " + chunk.units();
		return new ProblemException(ErrorCode.UNITS_MISMATCH,
				detail + "; convert it, or correct the channel's units with PATCH (" + chunk.key() + ").")
			.with(List.of(Fault.at(pointer + "/units", detail, chunk.units())));
	}

	/**
	 * A chunk to write.
	 *
	 * @param chunk its content
	 * @param revision its channel's revision once it is written
	 * @param writtenBy the key that it was sent with, or null
	 */
	record PlannedChunk(Chunk chunk, long revision, @Nullable UUID writtenBy) {

	}

}
