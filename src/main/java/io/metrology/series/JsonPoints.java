package io.metrology.series;

import java.io.Closeable;
import java.io.IOException;
import java.util.UUID;

import tools.jackson.core.JsonGenerator;

/**
 * Points of one channel as JSON: a column of timestamps and one of values, exact, missing
 * values null.
 */
final class JsonPoints implements PointWriter, Closeable {

	private final JsonGenerator out;

	private final Spool values = new Spool();

	JsonPoints(JsonGenerator out, UUID dataId, Series.Channel channel) {
		this.out = out;
		out.writeStartObject();
		out.writeStringProperty("data_id", dataId.toString());
		out.writeStringProperty("channel_name", channel.name());
		out.writeStringProperty("units", channel.units());
		out.writeArrayPropertyStart("timestamps");
	}

	@Override
	public void write(Series.Channel channel, StoredChunk points) throws IOException {
		this.values.add(points.values());
		for (double timestamp : points.timestamps()) {
			this.out.writeNumber(timestamp);
		}
	}

	@Override
	public void end() throws IOException {
		this.out.writeEndArray();
		this.out.writeArrayPropertyStart("values");
		this.values.drain((value) -> JsonNumbers.writeValue(this.out, value));
		this.out.writeEndArray();
		this.out.writeEndObject();
		this.out.close();
	}

	@Override
	public void close() throws IOException {
		this.values.close();
	}

}
