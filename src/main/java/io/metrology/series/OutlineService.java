package io.metrology.series;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.ObjLongConsumer;

import io.metrology.series.Outline.Entry;
import io.metrology.series.Outline.Gap;
import io.metrology.series.Outline.Point;
import io.metrology.series.SummaryStore.Extent;
import io.metrology.series.SummaryStore.Extreme;
import io.metrology.series.SummaryStore.Wanted;

import org.springframework.stereotype.Service;

/**
 * Draws the course of a channel in so many points, and keeps every peak: the points are
 * cut into buckets of about as many each, one after the other by (chunk_index, position),
 * and of each bucket the first point with the least and the first with the greatest value
 * are shown, or its first point where all values are missing.
 *
 * <p>
 * Where there are at least as many chunks as buckets, a bucket is made of whole chunks,
 * and their summaries tell which of them has the peak: only two chunks a bucket are read.
 * Where there are fewer, each chunk is read and cut.
 */
@Service
class OutlineService {

	/** Extremes are looked up in so many chunks at a time. */
	private static final int LOOK_UP = 128;

	/** And in chunks with no more points together than this, or in a single one. */
	private static final int LOOK_UP_POINTS = 500_000;

	private final SeriesStore store;

	private final SeriesReader reader;

	private final SummaryStore summaries;

	OutlineService(SeriesStore store, SeriesReader reader, SummaryStore summaries) {
		this.store = store;
		this.reader = reader;
		this.summaries = summaries;
	}

	/**
	 * The course of a channel.
	 * @param maxPoints the most points, at least 2; gaps come on top of them
	 */
	Outline outline(UUID dataId, Series.Channel channel, TimeWindow window, int maxPoints) throws IOException {
		Extent extent = this.summaries.extent(dataId, channel, window);
		int buckets = maxPoints / 2;
		List<Point> points;
		if (extent.points() <= maxPoints) {
			points = cut(dataId, channel, window, (chunk) -> Math.max(1, chunk.points()));
		}
		else if (extent.chunks() < buckets) {
			long spare = buckets - extent.chunks();
			points = cut(dataId, channel, window,
					(chunk) -> 1 + (int) Math.min(spare, chunk.points() * spare / extent.points()));
		}
		else {
			points = group(dataId, channel, window, extent, buckets);
		}
		this.store.requireLive(dataId);
		return new Outline(withGaps(points));
	}

	/** Cuts each chunk into buckets of its own. */
	private List<Point> cut(UUID dataId, Series.Channel channel, TimeWindow window, BucketCount count)
			throws IOException {
		Map<Integer, Long> ranks = new HashMap<>();
		forEachSummary(dataId, channel, window, (chunk, rank) -> ranks.put(chunk.chunkIndex(), rank));
		List<Point> points = new ArrayList<>();
		this.reader.read(dataId, channel, new Selection(window, null), (chunk) -> {
			Long rank = ranks.get(chunk.chunkIndex());
			if (rank != null) {
				int buckets = Math.min(count.of(chunk), chunk.points());
				for (int i = 0; i < buckets; i++) {
					Bucket bucket = new Bucket();
					bucket.add(chunk, rank, (int) ((long) i * chunk.points() / buckets),
							(int) ((i + 1L) * chunk.points() / buckets));
					points.addAll(bucket.points(Map.of()));
				}
			}
		});
		return points;
	}

	/** Groups whole chunks into buckets. */
	private List<Point> group(UUID dataId, Series.Channel channel, TimeWindow window, Extent extent, int count) {
		Bucket[] buckets = new Bucket[count];
		long[] before = { 0 };
		forEachSummary(dataId, channel, window, (chunk, rank) -> {
			int number = (int) Math.min(count - 1L, before[0] * count / extent.points());
			before[0] += chunk.pointCount();
			Bucket bucket = (buckets[number] != null) ? buckets[number] : new Bucket();
			buckets[number] = bucket;
			if (window.covers(chunk.earliestTime(), chunk.latestTime())) {
				bucket.add(chunk, rank);
				return;
			}
			StoredChunk held = this.store.chunk(dataId, channel.name(), chunk.chunkIndex());
			if (held != null) {
				StoredChunk inside = held.within(window);
				bucket.add(inside, rank, 0, inside.points());
			}
		});
		List<HeldSummary> wanted = new ArrayList<>();
		List<Bucket> filled = new ArrayList<>();
		for (Bucket bucket : buckets) {
			if (bucket != null) {
				filled.add(bucket);
				wanted.addAll(bucket.chunksToRead());
			}
		}
		Map<Wanted, Extreme> found = lookUp(dataId, channel, wanted);
		return filled.stream().flatMap((bucket) -> bucket.points(found).stream()).toList();
	}

	private void forEachSummary(UUID dataId, Series.Channel channel, TimeWindow window,
			ObjLongConsumer<HeldSummary> taker) {
		long rank = 0;
		int after = -1;
		List<HeldSummary> page;
		while (!(page = this.summaries.forward(dataId, channel.name(), after, channel.highestChunkIndex())).isEmpty()) {
			for (HeldSummary chunk : page) {
				if (window.overlaps(chunk.earliestTime(), chunk.latestTime())) {
					taker.accept(chunk, rank);
				}
				rank++;
				after = chunk.chunkIndex();
			}
		}
	}

	private Map<Wanted, Extreme> lookUp(UUID dataId, Series.Channel channel, List<HeldSummary> chunks) {
		Map<Wanted, Extreme> found = new HashMap<>();
		List<Wanted> page = new ArrayList<>();
		long points = 0;
		for (HeldSummary chunk : chunks) {
			if (page.size() >= 2 * LOOK_UP || points + chunk.pointCount() > LOOK_UP_POINTS) {
				this.summaries.extremes(dataId, channel.name(), page)
					.forEach((extreme) -> found.put(extreme.wanted(), extreme));
				page.clear();
				points = 0;
			}
			page.add(new Wanted(chunk.chunkIndex(), false));
			page.add(new Wanted(chunk.chunkIndex(), true));
			points += chunk.pointCount();
		}
		this.summaries.extremes(dataId, channel.name(), page)
			.forEach((extreme) -> found.put(extreme.wanted(), extreme));
		return found;
	}

	private static List<Entry> withGaps(List<Point> points) {
		List<Entry> entries = new ArrayList<>(points.size());
		Point last = null;
		for (Point point : points) {
			if (last != null && last.missingBefore(point) > 0) {
				entries.add(new Gap(last.missingBefore(point), last.time() / 2 + point.time() / 2));
			}
			entries.add(point);
			last = point;
		}
		return entries;
	}

	/** Says into how many buckets a chunk is cut. */
	@FunctionalInterface
	private interface BucketCount {

		int of(StoredChunk chunk);

	}

}
