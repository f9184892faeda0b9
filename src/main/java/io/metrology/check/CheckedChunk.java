package io.metrology.check;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.function.DoublePredicate;

import io.metrology.ingest.ChunkSummary;
import io.metrology.ingest.ContentHash;
import org.jspecify.annotations.Nullable;

/**
 * A chunk's row with what belongs to it, all of one snapshot.
 *
 * @param key what identifies it
 * @param pointCount the length of its arrays, as stored
 * @param revision its revision, as stored
 * @param contentHash its hash, as stored
 * @param summary its summary, as stored
 * @param timestamps its timestamps
 * @param values its values
 * @param owner its channel, or null where it has none
 * @param stream how its stream stands
 */
record CheckedChunk(Key key, int pointCount, long revision, byte[] contentHash, ChunkSummary summary,
		StoredArray timestamps, StoredArray values, @Nullable Owner owner, StreamState stream) {

	/** Whether its stream was deleted, and it is still to go. */
	boolean isToBePurged() {
		return this.owner == null && this.stream == StreamState.DELETED;
	}

	/** Says what is wrong with it, first of all whether it belongs anywhere. */
	List<String> faults() {
		List<String> faults = new ArrayList<>();
		if (this.owner == null) {
			faults.add(this.stream.faultOfOrphan());
		}
		else if (this.revision > this.owner.revision()) {
			faults.add("revision is " + this.revision + ", beyond its channel's, " + this.owner.revision());
		}
		List<String> ofArrays = new ArrayList<>();
		ofArrays.add(this.timestamps.fault("timestamps", this.pointCount));
		ofArrays.add(this.values.fault("values", this.pointCount));
		ofArrays.removeIf(Objects::isNull);
		faults.addAll(ofArrays);
		// Of what is not whole neither hash nor summary means anything.
		faults.addAll(ofArrays.isEmpty() ? faultsOfContent() : List.of());
		return faults;
	}

	private List<String> faultsOfContent() {
		List<String> faults = new ArrayList<>();
		faults.add(infinite("timestamps", this.timestamps, Double::isFinite));
		faults.add(infinite("values", this.values, (value) -> !Double.isInfinite(value)));
		faults.add(Finding.difference("content_hash", HexFormat.of().formatHex(this.contentHash),
				HexFormat.of().formatHex(ContentHash.of(this.timestamps.elements(), this.values.elements()))));
		ChunkSummary expected = ChunkSummary.of(this.timestamps.elements(), this.values.elements());
		faults.add(Finding.difference("earliest_time", (Double) this.summary.earliestTime(), expected.earliestTime()));
		faults.add(Finding.difference("latest_time", (Double) this.summary.latestTime(), expected.latestTime()));
		faults.add(Finding.difference("min_value", this.summary.minValue(), expected.minValue()));
		faults.add(Finding.difference("max_value", this.summary.maxValue(), expected.maxValue()));
		faults.add(Finding.difference("missing_count", this.summary.missingCount(), expected.missingCount()));
		faults.removeIf(Objects::isNull);
		return faults;
	}

	private static @Nullable String infinite(String name, StoredArray array, DoublePredicate allowed) {
		double[] elements = array.elements();
		for (int i = 0; i < elements.length; i++) {
			if (!allowed.test(elements[i])) {
				return name + "[" + (i + 1) + "] is " + elements[i] + ", should be a finite number";
			}
		}
		return (elements.length > 0) ? null : name + " is empty, should have at least one element";
	}

	/**
	 * What identifies a chunk. It may also stand before all of a channel, of a stream, or
	 * of a database: no index is below 0.
	 *
	 * @param dataId its stream
	 * @param channelName its channel
	 * @param chunkIndex its place in the channel
	 */
	record Key(UUID dataId, String channelName, int chunkIndex) {

		/** Before any that the service makes. */
		private static final UUID FIRST = new UUID(0, 0);

		/** The place before a stream, or null for the one before all. */
		static Key before(@Nullable UUID dataId) {
			return new Key((dataId != null) ? dataId : FIRST, "", -1);
		}

		boolean isSameChannel(Key other) {
			return this.dataId.equals(other.dataId) && this.channelName.equals(other.channelName);
		}

		/** A later place in the same channel. */
		Key plus(int steps) {
			return new Key(this.dataId, this.channelName,
					(int) Math.min(Integer.MAX_VALUE, (long) this.chunkIndex + steps));
		}

		/** The channel, for findings. */
		String channel() {
			return Finding.of(this.dataId, this.channelName);
		}

		/** For findings. */
		@Override
		public String toString() {
			return channel() + ", chunk_index " + this.chunkIndex;
		}

	}

	/**
	 * The channel of a chunk, as its row says.
	 *
	 * @param revision its revision
	 * @param sums what it carries
	 */
	record Owner(long revision, ChannelSums sums) {

	}

	/** How the stream of a chunk or channel stands. */
	enum StreamState {

		/** It is there. */
		LIVE,

		/** It was deleted, and its chunks are about to go. */
		DELETED,

		/** It was deleted, and so were its chunks. */
		PURGED,

		/** There is no such stream. */
		UNKNOWN;

		/** A name that the SQL gives. */
		static StreamState of(String name) {
			return valueOf(name);
		}

		private String faultOfOrphan() {
			return switch (this) {
				case LIVE -> "it has no channel";
				case UNKNOWN -> "it has neither channel nor stream";
				case DELETED, PURGED -> "its stream was deleted, and says that its chunks were removed (purged_at)";
			};
		}

	}

}
