package io.metrology.series;

import java.io.IOException;
import java.io.OutputStream;

/** Points as CSV (RFC 4180), a row each. */
final class CsvPoints implements PointWriter {

	private final CsvRow row;

	CsvPoints(OutputStream out) throws IOException {
		this.row = new CsvRow(out);
		this.row.header("channel", "time_seconds", "time", "value", "chunk_index");
	}

	@Override
	public void write(Series.Channel channel, StoredChunk points) throws IOException {
		for (int i = 0; i < points.points(); i++) {
			this.row.text(channel.name())
				.number(points.timestamps()[i])
				.time(points.timestamps()[i])
				.number(points.values()[i])
				.integer(points.chunkIndex())
				.end();
		}
	}

	@Override
	public void end() throws IOException {
		this.row.flush();
	}

}
