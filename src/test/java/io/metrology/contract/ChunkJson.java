package io.metrology.contract;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;

import tools.jackson.databind.json.JsonMapper;

/** The text of a chunk of three points, whose fields a test replaces or leaves out. */
final class ChunkJson {

	private static final JsonMapper JSON = JsonMapper.builder().build();

	private final Map<String, String> fields = new LinkedHashMap<>();

	final String dataId = UUID.randomUUID().toString();

	ChunkJson() {
		with("data_id", quoted(this.dataId));
		with("chunk_index", "0");
		with("channel_name", "\"thickness\"");
		with("timestamps", "[1705312200.0, 1705312210.0, 1705312220.0]");
		with("values", "[0, 5.2, 10.1]");
	}

	/** Sets a field to a text of JSON. */
	ChunkJson with(String field, String json) {
		this.fields.put(field, json);
		return this;
	}

	ChunkJson withString(String field, String value) {
		return with(field, quoted(value));
	}

	/** Sets both arrays to as many points. */
	ChunkJson withPoints(int count) {
		return with("timestamps", zeros(count)).with("values", zeros(count));
	}

	ChunkJson without(String field) {
		this.fields.remove(field);
		return this;
	}

	static String zeros(int count) {
		return "[" + "0,".repeat(Math.max(0, count - 1)) + ((count > 0) ? "0" : "") + "]";
	}

	static String quoted(String text) {
		return JSON.writeValueAsString(text);
	}

	/** The text, as long as asked for. */
	String paddedTo(int length) {
		String text = toString();
		return text + " ".repeat(length - text.length());
	}

	@Override
	public String toString() {
		return this.fields.entrySet()
			.stream()
			.map((field) -> quoted(field.getKey()) + ": " + field.getValue())
			.collect(Collectors.joining(", ", "{", "}"));
	}

}
