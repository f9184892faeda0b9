package io.metrology.check;

import java.util.Objects;

import io.metrology.check.CheckedChunk.Key;
import io.metrology.check.CheckedChunk.Owner;
import org.jspecify.annotations.Nullable;

/**
 * Adds up the chunks of one channel while they are read, in the order of their indexes.
 *
 * <p>
 * The pages may be of different snapshots. As every change to a channel moves its
 * revision on, chunks that were all read beside the same row of their channel are what it
 * held at that time.
 */
class ChannelTally {

	private final Key first;

	private final @Nullable Owner owner;

	private boolean changed;

	private long points;

	private long chunks;

	private int highest = -1;

	private @Nullable Double earliest;

	private @Nullable Double latest;

	private int latestIndex = -1;

	ChannelTally(CheckedChunk first) {
		this.first = first.key();
		this.owner = first.owner();
	}

	boolean isOf(CheckedChunk chunk) {
		return this.first.isSameChannel(chunk.key());
	}

	void add(CheckedChunk chunk) {
		this.changed |= !Objects.equals(this.owner, chunk.owner());
		this.points += chunk.pointCount();
		this.chunks++;
		this.highest = chunk.key().chunkIndex();
		double from = chunk.summary().earliestTime();
		double to = chunk.summary().latestTime();
		this.earliest = (this.earliest == null) ? from : Math.min(this.earliest, from);
		if (this.latest == null || to >= this.latest) {
			this.latest = to;
			this.latestIndex = this.highest;
		}
	}

	/** Whether the channel has to be looked at again, by itself and as a whole. */
	boolean isSuspect() {
		if (this.owner == null) {
			return this.changed;
		}
		ChannelSums sums = new ChannelSums(this.points, this.chunks, this.highest, this.earliest, this.latest,
				this.latestIndex);
		return this.changed || !this.owner.sums().faults(sums).isEmpty();
	}

	Key key() {
		return this.first;
	}

}
