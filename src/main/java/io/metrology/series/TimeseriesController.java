package io.metrology.series;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import io.metrology.http.StreamPath;
import io.metrology.series.SeriesStore.ChannelUnits;
import io.metrology.series.SeriesStore.TimeRange;
import jakarta.servlet.http.HttpServletResponse;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;

/** The whole of a stream, in the form that the public SDK parses. */
@RestController
class TimeseriesController {

	private final SeriesStore store;

	private final JsonMapper json;

	TimeseriesController(SeriesStore store, JsonMapper json) {
		this.store = store;
		this.json = json;
	}

	/**
	 * Answers with every channel's points, ordered by (chunk_index, position), missing
	 * values null.
	 */
	@GetMapping(path = { "/metrology/" + StreamPath.DATA_ID + "/timeseries",
			"/tool-state/" + StreamPath.DATA_ID + "/timeseries" }, produces = MediaType.APPLICATION_JSON_VALUE)
	void timeseries(@PathVariable("data_id") UUID dataId, HttpServletResponse response) throws IOException {
		TimeRange range = this.store.timeRange(dataId)
			.orElseThrow(() -> new ProblemException(ErrorCode.STREAM_UNKNOWN,
					"No stream has this data_id (data_id " + dataId + ")."));
		if (range.isDeleted()) {
			throw new ProblemException(ErrorCode.STREAM_DELETED, "The stream was deleted (data_id " + dataId + ").");
		}
		List<ChannelUnits> channels = this.store.channels(dataId);
		response.setContentType(MediaType.APPLICATION_JSON_VALUE);
		try (JsonGenerator out = this.json.createGenerator(response.getOutputStream())) {
			out.writeStartObject();
			writeProperties(out, dataId, channels, range);
			writeUnits(out, channels);
			out.writeArrayPropertyStart("available_property_names");
			channels.forEach((channel) -> out.writeString(channel.name()));
			out.writeEndArray();
			out.writeName("series_max_time");
			writeSeconds(out, range);
			out.writeEndObject();
		}
	}

	private void writeProperties(JsonGenerator out, UUID dataId, List<ChannelUnits> channels, TimeRange range) {
		out.writeObjectPropertyStart("properties");
		for (ChannelUnits channel : channels) {
			List<StoredChunk> chunks = read(dataId, channel.name());
			double start = (range.earliest() != null) ? range.earliest() : 0;
			out.writeObjectPropertyStart(channel.name());
			out.writeArrayPropertyStart("relative_time_seconds");
			chunks.forEach((chunk) -> writeRelative(out, chunk, start));
			out.writeEndArray();
			out.writeArrayPropertyStart("unix_timestamp_ms");
			chunks.forEach((chunk) -> writeMillis(out, chunk));
			out.writeEndArray();
			out.writeArrayPropertyStart("values");
			chunks.forEach((chunk) -> writeValues(out, chunk));
			out.writeEndArray();
			out.writeStringProperty("units", channel.units());
			out.writeEndObject();
		}
		out.writeEndObject();
	}

	private List<StoredChunk> read(UUID dataId, String channelName) {
		List<StoredChunk> chunks = new ArrayList<>();
		int last = -1;
		List<StoredChunk> page;
		while (!(page = this.store.page(dataId, channelName, last)).isEmpty()) {
			chunks.addAll(page);
			last = page.get(page.size() - 1).chunkIndex();
		}
		return chunks;
	}

	private static void writeUnits(JsonGenerator out, List<ChannelUnits> channels) {
		out.writeObjectPropertyStart("property_units");
		for (ChannelUnits channel : channels) {
			out.writeStringProperty(channel.name(), channel.units());
		}
		out.writeEndObject();
	}

	private static void writeSeconds(JsonGenerator out, TimeRange range) {
		if (range.earliest() == null || range.latest() == null) {
			out.writeNull();
		}
		else {
			out.writeNumber(range.latest() - range.earliest());
		}
	}

	private static void writeRelative(JsonGenerator out, StoredChunk chunk, double start) {
		for (double timestamp : chunk.timestamps()) {
			out.writeNumber(timestamp - start);
		}
	}

	private static void writeMillis(JsonGenerator out, StoredChunk chunk) {
		for (double timestamp : chunk.timestamps()) {
			double millis = timestamp * 1000;
			if (millis == Math.rint(millis)) {
				out.writeNumber((long) millis);
			}
			else {
				out.writeNumber(millis);
			}
		}
	}

	private static void writeValues(JsonGenerator out, StoredChunk chunk) {
		for (double value : chunk.values()) {
			if (Double.isNaN(value)) {
				out.writeNull();
			}
			else {
				out.writeNumber(value);
			}
		}
	}

}
