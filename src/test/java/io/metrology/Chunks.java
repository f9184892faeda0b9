package io.metrology;

import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import tools.jackson.databind.json.JsonMapper;

/** Bodies of chunk requests. */
public final class Chunks {

	private static final JsonMapper JSON = JsonMapper.builder().build();

	private Chunks() {
	}

	/** A chunk of so many points, whose content depends on its arguments alone. */
	public static String ofPoints(UUID dataId, String channel, int index, int points) {
		List<Double> timestamps = IntStream.range(0, points).mapToObj((i) -> 1.7e9 + index * 1000 + i).toList();
		List<Double> values = IntStream.range(0, points).mapToObj((i) -> index + i / 8.0).toList();
		return of(dataId, channel, index, timestamps, values, null);
	}

	/** A chunk; a value of NaN is sent as {@code null}. */
	public static String of(UUID dataId, String channel, int index, List<Double> timestamps, List<Double> values,
			String units) {
		return ofTexts(dataId, channel, index, texts(timestamps), texts(values), units);
	}

	/** A chunk with its numbers as they shall stand in the body. */
	public static String ofTexts(UUID dataId, String channel, int index, List<String> timestamps, List<String> values,
			String units) {
		return """
				{"data_id": "%s", "channel_name": %s, "chunk_index": %d, "timestamps": [%s], "values": [%s]%s}"""
			.formatted(dataId, text(channel), index, String.join(", ", timestamps), String.join(", ", values),
					(units != null) ? ", \"units\": " + text(units) : "");
	}

	/** A JSON string. */
	public static String text(String text) {
		return JSON.writeValueAsString(text);
	}

	private static List<String> texts(List<Double> numbers) {
		return numbers.stream()
			.map((number) -> number.isNaN() ? "null" : number.toString())
			.collect(Collectors.toList());
	}

}
