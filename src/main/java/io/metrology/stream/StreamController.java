package io.metrology.stream;

import java.io.IOException;
import java.util.UUID;

import io.metrology.http.Faults;
import io.metrology.http.RequestFields;
import io.metrology.http.RequestReader;
import io.metrology.http.StoredText;
import io.metrology.http.StreamPath;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
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

	private final RequestReader requests;

	private final StreamService service;

	StreamController(RequestReader requests, StreamService service) {
		this.requests = requests;
		this.service = service;
	}

	/**
	 * Makes a stream.
	 * @return 201 with the ids that the server chose
	 */
	@PostMapping(path = "/stream/initialize", consumes = MediaType.APPLICATION_JSON_VALUE)
	@ResponseStatus(HttpStatus.CREATED)
	StreamIds initialize(HttpServletRequest request) throws IOException {
		return StreamIds.of(this.service.initialize(this.requests.read(request, InitializeRequest::of)));
	}

	/**
	 * Corrects the units of a channel.
	 * @param channel the channel's name
	 */
	@PatchMapping(path = "/stream/" + StreamPath.DATA_ID + "/channels", consumes = MediaType.APPLICATION_JSON_VALUE)
	ChannelUnits correctUnits(@PathVariable("data_id") UUID dataId, @RequestParam @StoredText(min = 1) String channel,
			HttpServletRequest request) throws IOException {
		UnitsRequest correction = this.requests.read(request, StreamController::units);
		Channel corrected = this.service.correctUnits(dataId, channel, correction.units());
		return new ChannelUnits(dataId, corrected.name(), corrected.units(), corrected.totalPoints());
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
