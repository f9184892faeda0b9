package io.metrology.series;

import java.util.ArrayList;
import java.util.List;

import io.metrology.series.NaiveSeries.Point;
import tools.jackson.databind.JsonNode;

import static org.assertj.core.api.Assertions.assertThat;

/** Reads what is answered back, by means that have nothing of the service's own. */
final class Columns {

	private Columns() {
	}

	/** The numbers of a JSON array, null as NaN. */
	static List<Double> doubles(JsonNode array) {
		List<Double> doubles = new ArrayList<>();
		array.forEach((node) -> doubles.add(node.isNull() ? Double.NaN : node.doubleValue()));
		return doubles;
	}

	/** The points of a CSV file, position 0 standing for all. */
	static List<Point> csv(String text) {
		List<List<String>> rows = rows(text);
		assertThat(rows.get(0)).containsExactly("channel", "time_seconds", "time", "value", "chunk_index");
		return rows.subList(1, rows.size()).stream().map(Columns::point).toList();
	}

	/** The points and gaps of a CSV file. */
	static List<Shown> outline(String text) {
		List<List<String>> rows = rows(text);
		assertThat(rows.get(0)).containsExactly("channel", "time_seconds", "time", "value", "chunk_index",
				"missing_chunks");
		return rows.subList(1, rows.size())
			.stream()
			.map((row) -> new Shown(point(row), Long.parseLong(row.get(5))))
			.toList();
	}

	static Point withoutPosition(Point point) {
		return new Point(point.channel(), point.chunkIndex(), 0, point.time(), point.value());
	}

	private static Point point(List<String> row) {
		return new Point(row.get(0), row.get(4).isEmpty() ? -1 : Integer.parseInt(row.get(4)), 0,
				Double.valueOf(row.get(1)), row.get(3).isEmpty() ? Double.NaN : Double.valueOf(row.get(3)));
	}

	private static List<List<String>> rows(String text) {
		List<List<String>> rows = new ArrayList<>();
		for (String line : text.split("\r\n")) {
			List<String> fields = new ArrayList<>();
			StringBuilder field = new StringBuilder();
			boolean quoted = false;
			for (char character : line.toCharArray()) {
				if (character == '"') {
					// A doubled quote closes and opens again, and stands for itself.
					if (!quoted && !field.isEmpty()) {
						field.append('"');
					}
					quoted = !quoted;
				}
				else if (character == ',' && !quoted) {
					fields.add(field.toString());
					field.setLength(0);
				}
				else {
					field.append(character);
				}
			}
			fields.add(field.toString());
			rows.add(fields);
		}
		return rows;
	}

	/**
	 * A point or a gap.
	 *
	 * @param point what stands in its place
	 * @param missingChunks how many chunks are missing there, 0 for a point
	 */
	record Shown(Point point, long missingChunks) {

	}

}
