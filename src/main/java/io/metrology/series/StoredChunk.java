package io.metrology.series;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A chunk as it is held, or the part of it that was asked for.
 *
 * @param chunkIndex its place in its channel
 * @param timestamps Unix epoch seconds
 * @param values as many values, NaN = missing
 */
record StoredChunk(int chunkIndex, double[] timestamps, double[] values) {

	/**
	 * What stands before the elements: dimensions, flags, element type, length and lower
	 * bound.
	 */
	private static final int ARRAY_HEADER = 5 * Integer.BYTES;

	private static final int ELEMENT = Integer.BYTES + Double.BYTES;

	/**
	 * The elements of a {@code float8[]} of one dimension without nulls, in PostgreSQL's
	 * binary form, as {@code array_send} gives it.
	 */
	static double[] doubles(byte[] array) {
		ByteBuffer bytes = ByteBuffer.wrap(array);
		double[] doubles = new double[(array.length - ARRAY_HEADER) / ELEMENT];
		for (int i = 0; i < doubles.length; i++) {
			doubles[i] = bytes.getDouble(ARRAY_HEADER + i * ELEMENT + Integer.BYTES);
		}
		return doubles;
	}

	int points() {
		return this.timestamps.length;
	}

	/** Its points within a window, in their order. */
	StoredChunk within(TimeWindow window) {
		if (window.isUnlimited()) {
			return this;
		}
		double[] times = new double[points()];
		double[] kept = new double[points()];
		int count = 0;
		for (int i = 0; i < points(); i++) {
			if (window.contains(this.timestamps[i])) {
				times[count] = this.timestamps[i];
				kept[count++] = this.values[i];
			}
		}
		return (count == points()) ? this
				: new StoredChunk(this.chunkIndex, Arrays.copyOf(times, count), Arrays.copyOf(kept, count));
	}

	/** Its points from one position to another, which is not included. */
	StoredChunk between(int from, int to) {
		return (from == 0 && to == points()) ? this : new StoredChunk(this.chunkIndex,
				Arrays.copyOfRange(this.timestamps, from, to), Arrays.copyOfRange(this.values, from, to));
	}

}
