package io.metrology.series;

import java.nio.ByteBuffer;

/**
 * A chunk as it is held.
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

}
