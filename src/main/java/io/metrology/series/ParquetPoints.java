package io.metrology.series;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Points as a Parquet file: a row group for so many points of a channel, in memory until
 * it is full; one page a column, plain for doubles and times, and a dictionary for the
 * two columns that hardly change.
 *
 * @see <a href="https://parquet.apache.org/docs/file-format/">Parquet file format</a>
 */
final class ParquetPoints implements PointWriter {

	/** Points of a row group: 4 MB. */
	private static final int GROUP_POINTS = 128 * 1024;

	private static final byte[] MAGIC = "PAR1".getBytes(StandardCharsets.US_ASCII);

	private static final double SECOND_NANOS = 1e9;

	private final ParquetFile file;

	private final ByteBuffer seconds = column();

	private final ByteBuffer times = column();

	private final ByteBuffer values = column();

	private final RunLengths present = new RunLengths(1);

	private final List<Integer> chunkIndexes = new ArrayList<>();

	private final List<Integer> chunkPoints = new ArrayList<>();

	private int points;

	private String channelName = "";

	ParquetPoints(OutputStream out) throws IOException {
		this.file = new ParquetFile(out, MAGIC);
	}

	@Override
	public void write(Series.Channel channel, StoredChunk chunk) throws IOException {
		if (!channel.name().equals(this.channelName)) {
			flush();
			this.channelName = channel.name();
		}
		for (int from = 0; from < chunk.points();) {
			int to = Math.min(chunk.points(), from + GROUP_POINTS - this.points);
			add(chunk, from, to);
			from = to;
			if (this.points == GROUP_POINTS) {
				flush();
			}
		}
	}

	@Override
	public void end() throws IOException {
		flush();
		this.file.end();
	}

	private void add(StoredChunk chunk, int from, int to) {
		for (int i = from; i < to; i++) {
			double timestamp = chunk.timestamps()[i];
			this.seconds.putDouble(timestamp);
			this.times.putLong(nanos(timestamp));
			boolean missing = Double.isNaN(chunk.values()[i]);
			this.present.add(missing ? 0 : 1);
			if (!missing) {
				this.values.putDouble(chunk.values()[i]);
			}
		}
		this.chunkIndexes.add(chunk.chunkIndex());
		this.chunkPoints.add(to - from);
		this.points += to - from;
	}

	/** The nearest nanosecond; the fraction of a second is exact before it is scaled. */
	static long nanos(double timestamp) {
		double whole = Math.floor(timestamp);
		return (long) whole * 1_000_000_000L + Math.round((timestamp - whole) * SECOND_NANOS);
	}

	private void flush() throws IOException {
		if (this.points == 0) {
			return;
		}
		this.file.begin(this.points);
		byte[] name = this.channelName.getBytes(StandardCharsets.UTF_8);
		ByteBuffer names = ByteBuffer.allocate(Integer.BYTES + name.length).order(ByteOrder.LITTLE_ENDIAN);
		this.file.dictionaryColumn(ParquetColumn.CHANNEL, names.putInt(name.length).put(name).flip(), 1,
				new RunLengths(1).add(0, this.points));
		this.file.plainColumn(ParquetColumn.TIME_SECONDS, new byte[0], this.seconds.flip());
		this.file.plainColumn(ParquetColumn.TIME, new byte[0], this.times.flip());
		this.file.plainColumn(ParquetColumn.VALUE, this.present.bytes(), this.values.flip());
		writeChunkIndexes();
		this.file.endGroup();
		this.seconds.clear();
		this.times.clear();
		this.values.clear();
		this.present.clear();
		this.chunkIndexes.clear();
		this.chunkPoints.clear();
		this.points = 0;
	}

	private void writeChunkIndexes() throws IOException {
		int count = this.chunkIndexes.size();
		ByteBuffer indexes = ByteBuffer.allocate(count * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
		this.chunkIndexes.forEach(indexes::putInt);
		RunLengths places = new RunLengths(Math.max(1, Integer.SIZE - Integer.numberOfLeadingZeros(count - 1)));
		for (int i = 0; i < count; i++) {
			places.add(i, this.chunkPoints.get(i));
		}
		this.file.dictionaryColumn(ParquetColumn.CHUNK_INDEX, indexes.flip(), count, places);
	}

	private static ByteBuffer column() {
		return ByteBuffer.allocate(GROUP_POINTS * Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
	}

}
