package io.metrology.series;

import java.util.List;
import java.util.UUID;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.metrology.http.PathId;
import io.metrology.http.QueryParameters;
import io.metrology.series.HeldChunksStore.HeldChunk;
import io.metrology.series.HeldChunksStore.Range;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.http.CacheControl;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.context.request.ServletWebRequest;

/** Which chunks arrived, so that a client can send just what is missing. */
@RestController
class HeldChunksController {

	/** Ranges of held chunks in one answer, and about as many of missing ones. */
	static final int RANGES = 100;

	private static final int MOST_DETAILS = 10_000;

	private static final int USUAL_DETAILS = 1000;

	private final SeriesStore series;

	private final HeldChunksStore store;

	HeldChunksController(SeriesStore series, HeldChunksStore store) {
		this.series = series;
		this.store = store;
	}

	/**
	 * Answers with the indexes of a channel's chunks that are held, and those that are
	 * missing below the highest, as ranges; with {@code details=true} with the chunks
	 * themselves, {@code limit} of them. {@code cursor} goes on after an answer's
	 * {@code next_cursor}.
	 */
	@GetMapping(path = { "/metrology/stream/" + PathId.DATA_ID + "/chunks",
			"/tool-state/stream/" + PathId.DATA_ID + "/chunks" }, produces = MediaType.APPLICATION_JSON_VALUE)
	ResponseEntity<Answer> chunks(@PathVariable("data_id") UUID dataId, HttpServletRequest request) {
		QueryParameters parameters = QueryParameters.of(request);
		String name = parameters.text("channel");
		if (name == null) {
			throw QueryParameters.fault("channel", "is required", null);
		}
		Long cursor = parameters.integer("cursor", 0, Integer.MAX_VALUE);
		boolean details = parameters.isSet("details");
		Long limit = parameters.integer("limit", 1, MOST_DETAILS);
		Series.Channel channel = this.series.series(dataId).channel(name);
		String entityTag = EntityTag.of(List.of(channel), "chunks");
		if (new ServletWebRequest(request).checkNotModified(entityTag)) {
			return ResponseEntity.status(HttpStatus.NOT_MODIFIED).eTag(entityTag).build();
		}
		int after = (cursor != null) ? cursor.intValue() : -1;
		Answer answer = details ? details(dataId, channel, after, (limit != null) ? limit.intValue() : USUAL_DETAILS)
				: ranges(dataId, channel, after);
		return ResponseEntity.ok().cacheControl(CacheControl.noCache()).eTag(entityTag).body(answer);
	}

	private Answer ranges(UUID dataId, Series.Channel channel, int after) {
		List<Range> held = this.store.held(dataId, channel, after, RANGES + 1);
		boolean more = held.size() > RANGES;
		List<Range> shown = more ? held.subList(0, RANGES) : held;
		Long next = more ? shown.get(RANGES - 1).last() : null;
		return Answer.of(dataId, channel, shown, Range.between(after, shown), null, next);
	}

	private Answer details(UUID dataId, Series.Channel channel, int after, int limit) {
		List<HeldChunk> found = this.store.details(dataId, channel.name(), after, limit + 1);
		boolean more = found.size() > limit;
		List<HeldChunk> shown = more ? found.subList(0, limit) : found;
		return Answer.of(dataId, channel, null, null, shown, more ? (long) shown.get(limit - 1).chunkIndex() : null);
	}

	/**
	 * What is held of a channel.
	 *
	 * @param dataId its stream
	 * @param channelName its name
	 * @param totalPoints the points of all its chunks
	 * @param chunkCount the number of its chunks
	 * @param highestChunkIndex the highest index of a chunk
	 * @param missingChunks how many below the highest are missing
	 * @param held ranges of chunks that are held, or null where details were asked for
	 * @param missing ranges of chunks that are missing, or null
	 * @param chunks the chunks themselves, or null where ranges were asked for
	 * @param nextCursor what to go on with, or null at the end
	 */
	record Answer(UUID dataId, String channelName, long totalPoints, long chunkCount, int highestChunkIndex,
			long missingChunks, @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable List<Range> held,
			@JsonInclude(JsonInclude.Include.NON_NULL) @Nullable List<Range> missing,
			@JsonInclude(JsonInclude.Include.NON_NULL) @Nullable List<HeldChunk> chunks, @Nullable Long nextCursor) {

		static Answer of(UUID dataId, Series.Channel channel, @Nullable List<Range> held, @Nullable List<Range> missing,
				@Nullable List<HeldChunk> chunks, @Nullable Long nextCursor) {
			return new Answer(dataId, channel.name(), channel.totalPoints(), channel.chunkCount(),
					channel.highestChunkIndex(), channel.highestChunkIndex() + 1L - channel.chunkCount(), held, missing,
					chunks, nextCursor);
		}

	}

}
