package io.metrology.check;

import java.nio.ByteBuffer;

import org.jspecify.annotations.Nullable;

/**
 * A {@code float8[]} as it is stored, which may be any that PostgreSQL allows.
 *
 * @param elements its elements in order; a NULL is 0 here
 * @param nulls how many of them are NULL
 * @param dimensions how many dimensions it has: 1 unless it is empty or wrong
 */
record StoredArray(double[] elements, int nulls, int dimensions) {

	/** Number of dimensions, flags, element type. */
	private static final int HEADER = 3 * Integer.BYTES;

	/** Length and lower bound. */
	private static final int DIMENSION = 2 * Integer.BYTES;

	/** Reads PostgreSQL's binary form, as {@code array_send} gives it. */
	static StoredArray of(byte[] sent) {
		ByteBuffer bytes = ByteBuffer.wrap(sent);
		int dimensions = bytes.getInt(0);
		int length = (dimensions > 0) ? 1 : 0;
		for (int i = 0; i < dimensions; i++) {
			length *= bytes.getInt(HEADER + i * DIMENSION);
		}
		bytes.position(HEADER + dimensions * DIMENSION);
		double[] elements = new double[length];
		int nulls = 0;
		for (int i = 0; i < length; i++) {
			if (bytes.getInt() < 0) {
				nulls++;
			}
			else {
				elements[i] = bytes.getDouble();
			}
		}
		return new StoredArray(elements, nulls, dimensions);
	}

	/** Says what a chunk of so many points must not have, or null if all is well. */
	@Nullable String fault(String name, int points) {
		if (this.dimensions > 1) {
			return name + " has " + this.dimensions + " dimensions, should have 1";
		}
		if (this.elements.length != points) {
			return name + " has " + this.elements.length + " elements, should have " + points + " (point_count)";
		}
		return (this.nulls > 0) ? name + " has " + this.nulls + " NULL elements, should have none" : null;
	}

}
