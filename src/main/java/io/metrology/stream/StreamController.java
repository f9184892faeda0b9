package io.metrology.stream;

import java.io.IOException;
import java.util.List;
import java.util.UUID;

import io.metrology.http.Caller;
import io.metrology.http.Faults;
import io.metrology.http.Hold;
import io.metrology.http.PathId;
import io.metrology.http.QueryParameters;
import io.metrology.http.RequestFields;
import io.metrology.http.RequestReader;
import io.metrology.http.StoredText;
import io.metrology.http.load.AsyncRequests;
import io.metrology.http.load.RequestDeadline;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PatchMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/** Streams over HTTP. */
@RestController
@RequestMapping(path = { "/metrology", "/tool-state" }, produces = MediaType.APPLICATION_JSON_VALUE)
class StreamController {

	private static final Logger log = LoggerFactory.getLogger(StreamController.class);

	private static final String MISSING_CHUNKS = "Missing-Chunks";

	private static final String WAIT = FinalizeWait.class.getName();

	private static final int MOST_LISTED = 1000;

	private static final int USUALLY_LISTED = 100;

	private final RequestReader requests;

	private final StreamService service;

	private final FinalizeService finalizing;

	private final StreamCatalog catalog;

	private final StreamPurger purger;

	private final Hold hold;

	private final AsyncRequests async;

	StreamController(RequestReader requests, StreamService service, FinalizeService finalizing, StreamCatalog catalog,
			StreamPurger purger, Hold hold, AsyncRequests async) {
		this.requests = requests;
		this.service = service;
		this.finalizing = finalizing;
		this.catalog = catalog;
		this.purger = purger;
		this.hold = hold;
		this.async = async;
	}

	/**
	 * Makes a stream; held while the database is away.
	 * @return 201 with the ids that the server chose
	 */
	@PostMapping(path = "/stream/initialize", consumes = MediaType.APPLICATION_JSON_VALUE)
	@ResponseStatus(HttpStatus.CREATED)
	StreamIds initialize(HttpServletRequest request) throws IOException {
		Caller caller = Caller.of(request);
		Stream stream = new Stream(this.requests.read(request, InitializeRequest::of), caller);
		Stream made = this.hold.write(RequestDeadline.of(request), () -> this.service.initialize(stream));
		log.info("Made stream {}, asked with {}", made.dataId(), caller);
		return StreamIds.of(made);
	}

	/**
	 * Corrects the units of a channel.
	 * @param channel the channel's name
	 */
	@PatchMapping(path = "/stream/" + PathId.DATA_ID + "/channels", consumes = MediaType.APPLICATION_JSON_VALUE)
	ChannelUnits correctUnits(@PathVariable("data_id") UUID dataId, @RequestParam @StoredText(min = 1) String channel,
			HttpServletRequest request) throws IOException {
		UnitsRequest correction = this.requests.read(request, StreamController::units);
		Caller caller = Caller.of(request);
		Channel corrected = this.service.correctUnits(dataId, channel, correction.units(), caller);
		log.info("Corrected the units of channel {} of stream {} to {}, asked with {}", channel, dataId,
				corrected.units(), caller);
		return new ChannelUnits(dataId, corrected.name(), corrected.units(), corrected.totalPoints());
	}

	/**
	 * Ends a stream, so that it accepts no new data. The request waits without a thread
	 * for chunks that have not been stored yet, and comes again for its answer. The body
	 * is empty, {@code null} or a manifest {@code {"channels": {"<name>": {"chunks": 3,
	 * "total_points": 300}}}} that the stored data must match.
	 * @return null while the request waits
	 */
	@PostMapping("/stream/" + PathId.DATA_ID + "/finalize")
	@Nullable ResponseEntity<StreamIds> finish(@PathVariable("data_id") UUID dataId, HttpServletRequest request,
			HttpServletResponse response) throws IOException {
		if (request.getAttribute(WAIT) instanceof FinalizeWait wait) {
			return finalized(dataId, wait.result());
		}
		Manifest manifest = this.requests.readOptional(request, Manifest::of);
		AsyncContext async = this.async.start(request, response, 0);
		FinalizeWait wait = this.finalizing.begin(dataId, manifest, Caller.of(request), RequestDeadline.of(request));
		request.setAttribute(WAIT, wait);
		wait.answer().whenComplete((activity, failure) -> dispatch(async));
		return null;
	}

	private static void dispatch(AsyncContext async) {
		try {
			async.dispatch();
		}
		catch (IllegalStateException ex) {
			log.debug("The client of a finalize request left during the wait", ex);
		}
	}

	private static ResponseEntity<StreamIds> finalized(UUID dataId, StreamStore.Activity activity) {
		ResponseEntity.BodyBuilder answer = ResponseEntity.ok();
		if (activity.missingChunks() > 0) {
			answer.header(MISSING_CHUNKS, Long.toString(activity.missingChunks()));
		}
		return answer.body(new StreamIds(dataId, activity.processedDataId()));
	}

	/** Describes a stream and its channels. */
	@GetMapping("/stream/" + PathId.DATA_ID)
	StreamCatalog.Description describe(@PathVariable("data_id") UUID dataId) {
		return this.catalog.find(dataId).orElseThrow(() -> this.service.absent(dataId));
	}

	/**
	 * Lists streams, newest first. Parameters of the query: {@code limit}, the most
	 * streams in the answer, 1 to 1000; {@code cursor}, the {@code next_cursor} of the
	 * answer before; and those of {@link StreamFilter}.
	 */
	@GetMapping("/streams")
	Page list(HttpServletRequest request) {
		QueryParameters parameters = QueryParameters.of(request);
		Long given = parameters.integer("limit", 1, MOST_LISTED);
		int limit = (given != null) ? given.intValue() : USUALLY_LISTED;
		String cursor = parameters.text("cursor");
		List<StreamSummary> found = this.catalog.page(StreamFilter.of(parameters),
				(cursor != null) ? StreamCursor.decode(cursor) : null, limit + 1);
		boolean more = found.size() > limit;
		List<StreamSummary> page = more ? found.subList(0, limit) : found;
		return new Page(page, more ? StreamCursor.after(page.get(limit - 1)).encode() : null);
	}

	/**
	 * Deletes a stream and all its points. Its id stays taken: late chunks are refused.
	 */
	@DeleteMapping(path = "/stream/" + PathId.DATA_ID)
	@ResponseStatus(HttpStatus.NO_CONTENT)
	void delete(@PathVariable("data_id") UUID dataId, HttpServletRequest request) {
		if (!this.purger.delete(dataId, Caller.of(request))) {
			this.service.requireKnown(dataId);
		}
	}

	private static UnitsRequest units(RequestFields fields, Faults faults) {
		if (!fields.has("units")) {
			faults.add("/units", "units is required; null forgets the channel's units", null);
		}
		return new UnitsRequest(fields.text("units"));
	}

	/**
	 * A stream's ids.
	 *
	 * @param dataId the stream
	 * @param processedDataId the result that the stream becomes
	 */
	record StreamIds(UUID dataId, UUID processedDataId) {

		static StreamIds of(Stream stream) {
			return new StreamIds(stream.dataId(), stream.processedDataId());
		}

	}

	/**
	 * A part of the list of streams.
	 *
	 * @param streams the streams, newest first
	 * @param nextCursor what to ask for the next part with, or null at the end
	 */
	record Page(List<StreamSummary> streams, @Nullable String nextCursor) {

	}

	/**
	 * A channel after a correction.
	 *
	 * @param dataId the stream
	 * @param channelName the channel
	 * @param units its units now
	 * @param totalPoints the points stored for it
	 */
	record ChannelUnits(UUID dataId, String channelName, @Nullable String units, long totalPoints) {

	}

}
