package io.metrology.series;

import java.io.IOException;
import java.util.List;
import java.util.UUID;

import io.metrology.http.ErrorCode;
import io.metrology.http.PathId;
import io.metrology.http.ProblemException;
import io.metrology.http.QueryParameters;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;

import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;

/** A stream in the form that the public SDK parses. */
@RestController
class TimeseriesController {

	private final SeriesStore store;

	private final SeriesReader reader;

	private final JsonNumbers json;

	private final Downloads downloads;

	TimeseriesController(SeriesStore store, SeriesReader reader, JsonNumbers json, Downloads downloads) {
		this.store = store;
		this.reader = reader;
		this.json = json;
		this.downloads = downloads;
	}

	/**
	 * Answers with the points of channels, ordered by (chunk_index, position), missing
	 * values null. Parameters of the query: {@code last_n}, the most points of each
	 * channel, the last ones; {@code elapsed_seconds}, only points later than that after
	 * the stream's earliest; {@code property_names}, only these channels;
	 * {@code available_properties}, the names of channels and no points;
	 * {@code return_null_if_missing}, null instead of 404.
	 */
	@GetMapping(
			path = { "/metrology/" + PathId.DATA_ID + "/timeseries", "/tool-state/" + PathId.DATA_ID + "/timeseries" },
			produces = MediaType.APPLICATION_JSON_VALUE)
	void timeseries(@PathVariable("data_id") UUID dataId, HttpServletRequest request, HttpServletResponse response)
			throws IOException {
		Query query = Query.of(QueryParameters.of(request));
		Series series;
		List<Series.Channel> wanted;
		try {
			series = this.store.series(dataId);
			wanted = query.channels(series);
		}
		catch (ProblemException ex) {
			if (query.nullIfMissing() && ex.code().status() == ErrorCode.STREAM_UNKNOWN.status()) {
				writeNull(response);
				return;
			}
			throw ex;
		}
		this.downloads.write(request, response, MediaType.APPLICATION_JSON, EntityTag.of(series), null, (out) -> {
			// Closed only at its end: it would complete what broke off.
			JsonGenerator generator = this.json.to(out);
			write(generator, series, wanted, query.selection(series));
			generator.close();
		});
	}

	private static void writeNull(HttpServletResponse response) throws IOException {
		response.setContentType(MediaType.APPLICATION_JSON_VALUE);
		response.getOutputStream().print("null");
	}

	private void write(JsonGenerator out, Series series, List<Series.Channel> wanted, Selection selection)
			throws IOException {
		out.writeStartObject();
		out.writeObjectPropertyStart("properties");
		for (Series.Channel channel : wanted) {
			out.writeObjectPropertyStart(channel.name());
			writeColumns(out, series, channel, selection);
			out.writeStringProperty("units", channel.units());
			out.writeEndObject();
		}
		out.writeEndObject();
		out.writeObjectPropertyStart("property_units");
		wanted.forEach((channel) -> out.writeStringProperty(channel.name(), channel.units()));
		out.writeEndObject();
		out.writeArrayPropertyStart("available_property_names");
		series.channels().forEach((channel) -> out.writeString(channel.name()));
		out.writeEndArray();
		out.writeName("series_max_time");
		out.writePOJO(series.duration());
		out.writeEndObject();
	}

	private void writeColumns(JsonGenerator out, Series series, Series.Channel channel, Selection selection)
			throws IOException {
		Double earliest = series.earliestTime();
		double origin = (earliest != null) ? earliest : 0;
		try (Spool timestamps = new Spool(); Spool values = new Spool()) {
			out.writeArrayPropertyStart("relative_time_seconds");
			this.reader.read(series.dataId(), channel, selection, (chunk) -> {
				timestamps.add(chunk.timestamps());
				values.add(chunk.values());
				for (double timestamp : chunk.timestamps()) {
					out.writeNumber(timestamp - origin);
				}
			});
			out.writeEndArray();
			out.writeArrayPropertyStart("unix_timestamp_ms");
			timestamps.drain((timestamp) -> JsonNumbers.writeMillis(out, timestamp));
			out.writeEndArray();
			out.writeArrayPropertyStart("values");
			values.drain((value) -> JsonNumbers.writeValue(out, value));
			out.writeEndArray();
		}
	}

	/**
	 * What is asked for.
	 *
	 * @param lastN the most points of each channel, or null
	 * @param elapsedSeconds the relative time after which points are wanted, or null
	 * @param propertyNames the channels, empty for all
	 * @param namesOnly whether no points are wanted
	 * @param nullIfMissing whether null is wanted instead of 404
	 */
	private record Query(@Nullable Long lastN, @Nullable Double elapsedSeconds, List<String> propertyNames,
			boolean namesOnly, boolean nullIfMissing) {

		static Query of(QueryParameters parameters) {
			return new Query(parameters.integer("last_n", 1, Long.MAX_VALUE), parameters.number("elapsed_seconds"),
					parameters.texts("property_names"), parameters.isSet("available_properties"),
					parameters.isSet("return_null_if_missing"));
		}

		List<Series.Channel> channels(Series series) {
			this.propertyNames.forEach(series::channel);
			return this.namesOnly ? List.of() : series.channels()
				.stream()
				.filter((channel) -> this.propertyNames.isEmpty() || this.propertyNames.contains(channel.name()))
				.toList();
		}

		Selection selection(Series series) {
			Double earliest = series.earliestTime();
			return new Selection((this.elapsedSeconds != null && earliest != null)
					? TimeWindow.after(earliest, this.elapsedSeconds) : TimeWindow.ALL, this.lastN);
		}

	}

}
