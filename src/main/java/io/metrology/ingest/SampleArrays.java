package io.metrology.ingest;

import java.util.Arrays;

import io.metrology.http.ErrorCode;
import io.metrology.http.Faults;
import io.metrology.http.ProblemException;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * The two arrays of a chunk, read number by number, each fault noted under its index.
 */
class SampleArrays {

	/**
	 * The farthest timestamp from the epoch, in seconds: what a signed 64-bit count of
	 * nanoseconds can hold (the year 2262).
	 */
	static final double LAST_TIMESTAMP = 9_223_372_036.0;

	private static final int FIRST_CAPACITY = 128;

	private final String pointer;

	private final int maxPoints;

	private final Faults faults;

	private double @Nullable [] timestamps;

	private double @Nullable [] values;

	private int longest;

	SampleArrays(String pointer, int maxPoints, Faults faults) {
		this.pointer = pointer;
		this.maxPoints = maxPoints;
		this.faults = faults;
	}

	/**
	 * Reads the current value if the field is one of the two arrays, else leaves it
	 * alone.
	 */
	boolean read(String field, JsonParser json) {
		switch (field) {
			case "timestamps" -> this.timestamps = numbers(field, json, this::timestamp);
			case "values" -> this.values = numbers(field, json, this::value);
			default -> {
				return false;
			}
		}
		return true;
	}

	double @Nullable [] timestamps() {
		return this.timestamps;
	}

	double @Nullable [] values() {
		return this.values;
	}

	/**
	 * Checks the rules on the arrays as a whole.
	 * @throws ProblemException {@code too_many_points}
	 */
	void check(String subject) {
		if (this.longest > this.maxPoints) {
			throw new ProblemException(ErrorCode.TOO_MANY_POINTS,
					"A chunk may hold " + this.maxPoints + " points (metrology.ingest.max-points), not " + this.longest
							+ "; split it into smaller chunks (" + subject + ").");
		}
		if (this.timestamps != null && this.timestamps.length == 0) {
			this.faults.add(this.pointer + "/timestamps", "timestamps must not be empty", null);
		}
		if (this.timestamps != null && this.values != null && this.timestamps.length != this.values.length) {
			this.faults.add(this.pointer + "/values", "values must have as many entries as timestamps, "
					+ this.timestamps.length + ", not " + this.values.length, null);
		}
	}

	private double @Nullable [] numbers(String field, JsonParser json, Element element) {
		if (json.currentToken() != JsonToken.START_ARRAY) {
			if (json.currentToken() != JsonToken.VALUE_NULL) {
				this.faults.add(this.pointer + "/" + field, field + " must be an array of numbers", scalar(json));
			}
			json.skipChildren();
			return null;
		}
		double[] numbers = new double[FIRST_CAPACITY];
		int count = 0;
		while (json.nextToken() != JsonToken.END_ARRAY) {
			double number = element.read(field, count, json);
			if (count < this.maxPoints) {
				if (count == numbers.length) {
					numbers = Arrays.copyOf(numbers, count * 2);
				}
				numbers[count] = number;
			}
			count++;
		}
		this.longest = Math.max(this.longest, count);
		return Arrays.copyOf(numbers, Math.min(count, this.maxPoints));
	}

	private double timestamp(String field, int index, JsonParser json) {
		double seconds = number(field, index, json, "must be a finite number of epoch seconds");
		if (Math.abs(seconds) > LAST_TIMESTAMP) {
			this.faults.add(ErrorCode.TIMESTAMP_OUT_OF_RANGE, pointer(field, index),
					pointer(field, index) + " is beyond ± 9223372036 s from 1970" + unitHint(seconds), seconds);
		}
		return seconds;
	}

	private double value(String field, int index, JsonParser json) {
		JsonToken token = json.currentToken();
		if (token == JsonToken.VALUE_NULL
				|| (token == JsonToken.VALUE_NUMBER_FLOAT && json.isNaN() && "NaN".equals(json.getString()))) {
			return Double.NaN;
		}
		return number(field, index, json, "must be a finite number, or null where the value is missing");
	}

	/** The number at the current token; 0 after noting a fault. */
	private double number(String field, int index, JsonParser json, String rule) {
		JsonToken token = json.currentToken();
		if (token == JsonToken.VALUE_NUMBER_FLOAT || token == JsonToken.VALUE_NUMBER_INT) {
			double number = json.getDoubleValue();
			if (Double.isFinite(number)) {
				// An integer token has no sign of its own when it is zero.
				return (number == 0 && json.getString().startsWith("-")) ? -0.0 : number;
			}
		}
		this.faults.add(pointer(field, index), pointer(field, index) + " " + rule, scalar(json));
		json.skipChildren();
		return 0;
	}

	private String pointer(String field, int index) {
		return this.pointer + "/" + field + "/" + index;
	}

	private static @Nullable Object scalar(JsonParser json) {
		return json.currentToken().isScalarValue() ? json.getString() : null;
	}

	private static String unitHint(double timestamp) {
		double seconds = Math.abs(timestamp);
		if (seconds > 1e17 && seconds < 1e20) {
			return "; it looks like nanoseconds, divide by 1000000000";
		}
		if (seconds > 1e14 && seconds < 1e17) {
			return "; it looks like microseconds, divide by 1000000";
		}
		return (seconds < 1e14) ? "; it looks like milliseconds, divide by 1000" : "";
	}

	/** Reads one element of an array. */
	private interface Element {

		double read(String field, int index, JsonParser json);

	}

}
