package io.metrology.series;

import java.io.IOException;
import java.util.List;
import java.util.UUID;

import org.springframework.stereotype.Service;

/**
 * Goes through the points of a channel, ordered by (chunk_index, position), up to the
 * chunk that was the last when the request came. While it waits for whoever takes the
 * points it holds a page of them, and nothing of the database.
 */
@Service
class SeriesReader {

	private final SeriesStore store;

	private final SummaryStore summaries;

	SeriesReader(SeriesStore store, SummaryStore summaries) {
		this.store = store;
		this.summaries = summaries;
	}

	/**
	 * Hands out the points that were selected, in parts of chunks that are never empty.
	 * @throws io.metrology.http.ProblemException {@code stream_deleted} where the stream
	 * goes while it is read: what was read so far is not the whole
	 */
	void read(UUID dataId, Series.Channel channel, Selection selection, ChunkTaker taker) throws IOException {
		Start start = start(dataId, channel, selection);
		TimeWindow window = selection.window();
		long left = (selection.lastN() != null) ? selection.lastN() : Long.MAX_VALUE;
		int after = start.chunkIndex() - 1;
		List<StoredChunk> page;
		while (left > 0 && !(page = this.store.page(dataId, channel.name(), window, after, channel.highestChunkIndex()))
			.isEmpty()) {
			for (StoredChunk held : page) {
				StoredChunk chunk = held.within(window);
				int skip = (held.chunkIndex() == start.chunkIndex()) ? Math.min(start.skip(), chunk.points()) : 0;
				int end = (int) Math.min(chunk.points(), skip + left);
				if (end > skip) {
					taker.take(chunk.between(skip, end));
					left -= end - skip;
				}
				after = held.chunkIndex();
			}
		}
		this.store.requireLive(dataId);
	}

	/** Counts back from the last chunk, by the summaries where they suffice. */
	private Start start(UUID dataId, Series.Channel channel, Selection selection) {
		if (selection.lastN() == null) {
			return new Start(0, 0);
		}
		long wanted = selection.lastN();
		long before = channel.highestChunkIndex() + 1L;
		List<HeldSummary> page;
		while (!(page = this.summaries.backward(dataId, channel.name(), before)).isEmpty()) {
			for (HeldSummary chunk : page) {
				int points = points(dataId, channel, chunk, selection.window());
				if (points >= wanted) {
					return new Start(chunk.chunkIndex(), (int) (points - wanted));
				}
				wanted -= points;
				before = chunk.chunkIndex();
			}
		}
		return new Start(0, 0);
	}

	private int points(UUID dataId, Series.Channel channel, HeldSummary chunk, TimeWindow window) {
		if (!window.overlaps(chunk.earliestTime(), chunk.latestTime())) {
			return 0;
		}
		if (window.covers(chunk.earliestTime(), chunk.latestTime())) {
			return chunk.pointCount();
		}
		StoredChunk held = this.store.chunk(dataId, channel.name(), chunk.chunkIndex());
		return (held != null) ? held.within(window).points() : 0;
	}

	/**
	 * Where reading begins.
	 *
	 * @param chunkIndex the first chunk
	 * @param skip how many of its selected points are left out
	 */
	private record Start(int chunkIndex, int skip) {

	}

	/** Takes points as they are read. */
	@FunctionalInterface
	interface ChunkTaker {

		/** Takes a chunk, or a part of it; may take as long as a slow client does. */
		void take(StoredChunk chunk) throws IOException;

	}

}
