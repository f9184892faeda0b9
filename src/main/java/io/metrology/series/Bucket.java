package io.metrology.series;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

import io.metrology.series.Outline.Point;
import io.metrology.series.SummaryStore.Extreme;
import io.metrology.series.SummaryStore.Wanted;
import org.jspecify.annotations.Nullable;

/**
 * Finds the extremes among points and whole chunks that come in their order. Values are
 * compared as numbers, so that the first of 0.0 and -0.0 is the least and the greatest.
 */
final class Bucket {

	private @Nullable Candidate first;

	private @Nullable Candidate least;

	private @Nullable Candidate greatest;

	/** Adds a chunk of which only the summary is known. */
	void add(HeldSummary chunk, long rank) {
		Candidate missing = new Candidate(Double.NaN, chunk, rank, null);
		this.first = (this.first != null) ? this.first : missing;
		if (chunk.minValue() != null && chunk.maxValue() != null) {
			offer(new Candidate(chunk.minValue(), chunk, rank, null),
					new Candidate(chunk.maxValue(), chunk, rank, null));
		}
	}

	/** Adds points of a chunk, from one position to another, which is not included. */
	void add(StoredChunk chunk, long rank, int from, int to) {
		for (int i = from; i < to; i++) {
			double value = chunk.values()[i];
			if (!Double.isNaN(value) && !(exceeds(value, this.greatest) || undercuts(value, this.least))) {
				continue;
			}
			if (Double.isNaN(value) && this.first != null) {
				continue;
			}
			Candidate candidate = new Candidate(value, null, rank,
					new Point(chunk.chunkIndex(), rank, i, chunk.timestamps()[i], value));
			this.first = (this.first != null) ? this.first : candidate;
			if (!Double.isNaN(value)) {
				offer(candidate, candidate);
			}
		}
	}

	/**
	 * The chunks of which a point is to be shown, and no more than a summary is known.
	 */
	List<HeldSummary> chunksToRead() {
		return chosen().map(Candidate::chunk).filter(Objects::nonNull).distinct().toList();
	}

	/**
	 * The points to be shown, in their order.
	 * @param found the extremes of the chunks that were to be read; those that are gone
	 * by now are left out
	 */
	List<Point> points(Map<Wanted, Extreme> found) {
		return chosen().map((candidate) -> point(candidate, found))
			.filter(Objects::nonNull)
			.distinct()
			.sorted(Comparator.comparingInt(Point::chunkIndex).thenComparingInt(Point::position))
			.toList();
	}

	private @Nullable Point point(Candidate candidate, Map<Wanted, Extreme> found) {
		HeldSummary chunk = candidate.chunk();
		if (chunk == null) {
			return candidate.point();
		}
		Extreme extreme = found.get(new Wanted(chunk.chunkIndex(), candidate == this.greatest));
		return (extreme != null)
				? new Point(chunk.chunkIndex(), candidate.rank(), extreme.position(), extreme.time(), extreme.value())
				: null;
	}

	private Stream<Candidate> chosen() {
		return ((this.least != null) ? Stream.of(this.least, this.greatest) : Stream.of(this.first))
			.filter(Objects::nonNull);
	}

	private void offer(Candidate low, Candidate high) {
		this.least = undercuts(low.value(), this.least) ? low : this.least;
		this.greatest = exceeds(high.value(), this.greatest) ? high : this.greatest;
	}

	private static boolean undercuts(double value, @Nullable Candidate than) {
		return than == null || value < than.value();
	}

	private static boolean exceeds(double value, @Nullable Candidate than) {
		return than == null || value > than.value();
	}

	/**
	 * What may be shown.
	 *
	 * @param value the value it is chosen by, NaN = missing
	 * @param chunk the chunk in which it is to be looked up, or null
	 * @param rank how many chunks of the channel are held before
	 * @param point the point itself, or null
	 */
	private record Candidate(double value, @Nullable HeldSummary chunk, long rank, @Nullable Point point) {

	}

}
