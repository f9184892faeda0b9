package io.metrology.refusals;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import io.metrology.http.RequestReader;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonWriteFeature;

/**
 * Applies a JSON Merge Patch and keeps the text of every number: {@code 1.10} stays
 * {@code 1.10}.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc7396">RFC 7396</a>
 */
final class MergePatch {

	/** Escapes all but ASCII: UTF-8 cannot write a lone surrogate. */
	private static final JsonFactory WRITER = JsonFactory.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

	private MergePatch() {
	}

	/**
	 * Returns the target with the patch applied.
	 * @throws ProblemException {@code malformed_json} if one of the two is no JSON
	 */
	static byte[] apply(byte[] target, byte[] patch) {
		Value change = read(patch);
		ByteArrayOutputStream merged = new ByteArrayOutputStream(target.length + patch.length);
		try (JsonParser json = RequestReader.parser(target);
				JsonGenerator out = WRITER.createGenerator(ObjectWriteContext.empty(), merged)) {
			@Nullable JsonToken first = json.nextToken();
			if (first == null) {
				throw RequestReader.notAnObject(true);
			}
			merge(json, change, out);
			requireEnd(json);
		}
		catch (JacksonException ex) {
			throw RequestReader.malformed(ex);
		}
		return merged.toByteArray();
	}

	private static Value read(byte[] patch) {
		try (JsonParser json = RequestReader.parser(patch)) {
			if (json.nextToken() == null) {
				throw RequestReader.notAnObject(true);
			}
			Value value = read(json);
			requireEnd(json);
			return value;
		}
		catch (JacksonException ex) {
			throw RequestReader.malformed(ex);
		}
	}

	/** Refuses data after the JSON value. */
	private static void requireEnd(JsonParser json) {
		if (json.nextToken() != null) {
			throw new ProblemException(ErrorCode.MALFORMED_JSON, "Data follows the JSON value; send one JSON value.");
		}
	}

	private static Value read(JsonParser json) {
		if (json.currentToken() != JsonToken.START_OBJECT) {
			boolean isNull = json.currentToken() == JsonToken.VALUE_NULL;
			ByteArrayOutputStream text = new ByteArrayOutputStream();
			try (JsonGenerator out = WRITER.createGenerator(ObjectWriteContext.empty(), text)) {
				copy(json, out);
			}
			return new Value(null, isNull ? null : text.toString(StandardCharsets.US_ASCII));
		}
		Map<String, Value> members = new LinkedHashMap<>();
		while (json.nextToken() != JsonToken.END_OBJECT) {
			String name = json.currentName();
			json.nextToken();
			members.put(name, read(json));
		}
		return new Value(members, null);
	}

	/** Merges the current value of the target. */
	private static void merge(JsonParser target, Value patch, JsonGenerator out) {
		Map<String, Value> members = patch.members();
		if (members == null) {
			target.skipChildren();
			write(patch, out);
			return;
		}
		if (target.currentToken() != JsonToken.START_OBJECT) {
			target.skipChildren();
			write(patch, out);
			return;
		}
		Map<String, Value> left = new LinkedHashMap<>(members);
		out.writeStartObject();
		while (target.nextToken() != JsonToken.END_OBJECT) {
			String name = target.currentName();
			target.nextToken();
			Value change = left.remove(name);
			if (change != null && change.isNull()) {
				target.skipChildren();
				continue;
			}
			out.writeName(name);
			if (change != null) {
				merge(target, change, out);
			}
			else {
				copy(target, out);
			}
		}
		writeMembers(left, out);
		out.writeEndObject();
	}

	/** Writes a value that takes the place of one that is no object, or of none. */
	private static void write(Value value, JsonGenerator out) {
		Map<String, Value> members = value.members();
		if (members != null) {
			out.writeStartObject();
			writeMembers(members, out);
			out.writeEndObject();
		}
		else {
			out.writeRawValue((value.text() != null) ? value.text() : "null");
		}
	}

	private static void writeMembers(Map<String, Value> members, JsonGenerator out) {
		members.forEach((name, value) -> {
			if (!value.isNull()) {
				out.writeName(name);
				write(value, out);
			}
		});
	}

	/** Copies the current value, its numbers as they are written. */
	private static void copy(JsonParser json, JsonGenerator out) {
		int depth = 0;
		do {
			switch (json.currentToken()) {
				case START_OBJECT -> {
					out.writeStartObject();
					depth++;
				}
				case START_ARRAY -> {
					out.writeStartArray();
					depth++;
				}
				case END_OBJECT -> {
					out.writeEndObject();
					depth--;
				}
				case END_ARRAY -> {
					out.writeEndArray();
					depth--;
				}
				case PROPERTY_NAME -> out.writeName(json.currentName());
				case VALUE_STRING -> out.writeString(json.getString());
				case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> out.writeRawValue(json.getString());
				case VALUE_TRUE -> out.writeBoolean(true);
				case VALUE_FALSE -> out.writeBoolean(false);
				default -> out.writeNull();
			}
		}
		while (depth > 0 && json.nextToken() != null);
	}

	/**
	 * A value of a patch.
	 *
	 * @param members if it is an object
	 * @param text if it is another value, null for {@code null}
	 */
	private record Value(@Nullable Map<String, Value> members, @Nullable String text) {

		boolean isNull() {
			return this.members == null && this.text == null;
		}

	}

}
