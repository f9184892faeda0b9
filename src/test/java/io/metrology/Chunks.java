package io.metrology;

import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import tools.jackson.databind.json.JsonMapper;

/** Bodies of chunk requests. */
public final class Chunks {

	private static final JsonMapper JSON = JsonMapper.builder().build();

	private Chunks() {
	}

	/** A chunk of so many points, whose content depends on its arguments alone. */
	public static String ofPoints(UUID dataId, String channel, int index, int points) {
		return of(dataId, channel, index, timestamps(index, points), values(index, points), null);
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

	/** A chunk for each channel, all with the same index and number of points. */
	public static String multi(UUID dataId, int index, int points, String... channels) {
		return multi(dataId, index,
				Stream.of(channels).map((channel) -> text(channel) + ": " + samples(index, points)).toList());
	}

	/** A chunk for each channel, each a member of an object as it shall stand there. */
	public static String multi(UUID dataId, int index, List<String> members) {
		return """
				{"data_id": "%s", "chunk_index": %d, "channels": {%s}}""".formatted(dataId, index,
				String.join(", ", members));
	}

	/** The samples of a chunk in a request for several channels. */
	public static String samples(List<Double> timestamps, List<Double> values, String units) {
		return """
				{"timestamps": [%s], "values": [%s]%s}""".formatted(String.join(", ", texts(timestamps)),
				String.join(", ", texts(values)), (units != null) ? ", \"units\": " + text(units) : "");
	}

	private static String samples(int index, int points) {
		return samples(timestamps(index, points), values(index, points), null);
	}

	private static List<Double> timestamps(int index, int points) {
		return IntStream.range(0, points).mapToObj((i) -> 1.7e9 + index * 1000 + i).toList();
	}

	private static List<Double> values(int index, int points) {
		return IntStream.range(0, points).mapToObj((i) -> index + i / 8.0).toList();
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
