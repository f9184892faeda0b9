package io.metrology.series;

import java.util.List;

/**
 * The course of a channel in a few of its points, ordered by (chunk_index, position).
 * Between two of them stands a gap wherever a chunk between theirs was never received.
 *
 * @param entries points and gaps
 */
record Outline(List<Entry> entries) {

	/** A point or a gap. */
	sealed interface Entry {

		/** Where a plot puts it, Unix epoch seconds. */
		double time();

		/** What a plot draws, NaN = nothing. */
		double value();

	}

	/**
	 * A point, as it was ingested.
	 *
	 * @param chunkIndex its chunk
	 * @param rank how many chunks of the channel are held before its own
	 * @param position its place in its chunk, or among the chunk's points within the
	 * window
	 * @param time its timestamp, Unix epoch seconds
	 * @param value its value, NaN = missing
	 */
	record Point(int chunkIndex, long rank, int position, double time, double value) implements Entry {

		/** How many chunks between this one's and a later one's were never received. */
		long missingBefore(Point later) {
			return (later.chunkIndex - this.chunkIndex) - (later.rank - this.rank);
		}

	}

	/**
	 * Chunks that were never received.
	 *
	 * @param missingChunks how many, at least one
	 * @param time halfway between the points on both sides, Unix epoch seconds
	 */
	record Gap(long missingChunks, double time) implements Entry {

		@Override
		public double value() {
			return Double.NaN;
		}

	}

}
