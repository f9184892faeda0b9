package io.metrology.series;

import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.UUID;

import io.metrology.series.Outline.Entry;
import io.metrology.series.Outline.Gap;
import io.metrology.series.Outline.Point;
import tools.jackson.core.JsonGenerator;

/**
 * Outlines as JSON and CSV: those of all points, and where chunks were never received a
 * null that says so.
 */
final class OutlineWriter {

	private OutlineWriter() {
	}

	/**
	 * Writes the columns of points; {@code gaps} names those of their nulls that are not
	 * missing values but chunks never received.
	 */
	static void writeJson(JsonGenerator out, UUID dataId, Series.Channel channel, Outline outline) {
		List<Entry> entries = outline.entries();
		out.writeStartObject();
		out.writeStringProperty("data_id", dataId.toString());
		out.writeStringProperty("channel_name", channel.name());
		out.writeStringProperty("units", channel.units());
		out.writeArrayPropertyStart("timestamps");
		entries.forEach((entry) -> out.writeNumber(entry.time()));
		out.writeEndArray();
		out.writeArrayPropertyStart("values");
		entries.forEach((entry) -> JsonNumbers.writeValue(out, entry.value()));
		out.writeEndArray();
		out.writeArrayPropertyStart("gaps");
		for (int i = 0; i < entries.size(); i++) {
			if (entries.get(i) instanceof Gap gap) {
				out.writeStartObject();
				out.writeNumberProperty("position", i);
				out.writeNumberProperty("missing_chunks", gap.missingChunks());
				out.writeEndObject();
			}
		}
		out.writeEndArray();
		out.writeEndObject();
		out.close();
	}

	static CsvRow csv(OutputStream out) throws IOException {
		CsvRow row = new CsvRow(out);
		row.header("channel", "time_seconds", "time", "value", "chunk_index", "missing_chunks");
		return row;
	}

	static void writeCsv(CsvRow row, Series.Channel channel, Outline outline) throws IOException {
		for (Entry entry : outline.entries()) {
			row.text(channel.name()).number(entry.time()).time(entry.time()).number(entry.value());
			if (entry instanceof Point point) {
				row.integer(point.chunkIndex()).integer(0).end();
			}
			else if (entry instanceof Gap gap) {
				row.empty().integer(gap.missingChunks()).end();
			}
		}
	}

}
