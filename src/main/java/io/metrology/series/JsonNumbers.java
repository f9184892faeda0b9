package io.metrology.series;

import java.io.OutputStream;

import tools.jackson.core.JsonGenerator;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.stereotype.Component;

/** Writes numbers as JSON that reads back to the same bits. */
@Component
class JsonNumbers {

	private static final double MILLIS = 1000;

	private final JsonMapper json;

	JsonNumbers(JsonMapper json) {
		this.json = json;
	}

	JsonGenerator to(OutputStream out) {
		return this.json.writer().with(StreamWriteFeature.USE_FAST_DOUBLE_WRITER).createGenerator(out);
	}

	/** A value; missing is null. */
	static void writeValue(JsonGenerator out, double value) {
		if (Double.isNaN(value)) {
			out.writeNull();
		}
		else {
			out.writeNumber(value);
		}
	}

	/** A timestamp in milliseconds, a whole number where it is whole. */
	static void writeMillis(JsonGenerator out, double timestamp) {
		double millis = timestamp * MILLIS;
		if (millis == Math.rint(millis)) {
			out.writeNumber((long) millis);
		}
		else {
			out.writeNumber(millis);
		}
	}

}
