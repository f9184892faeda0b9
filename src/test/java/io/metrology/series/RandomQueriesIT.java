package io.metrology.series;

import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.DoublePredicate;
import java.util.stream.LongStream;

import io.metrology.TestPostgres;
import io.metrology.TestService;
import io.metrology.series.NaiveSeries.Point;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Whatever was sent in whatever order, every query answers what a naive evaluation in
 * memory does, to the last bit. Half of the histories are never the same; a failure names
 * its seed.
 */
class RandomQueriesIT {

	private static final int HISTORIES = 15;

	private static final int QUERIES = 12;

	private static TestService service;

	private static SeriesClient client;

	@BeforeAll
	static void start() {
		service = TestService.start(TestPostgres.newDatabase());
		client = new SeriesClient(service);
	}

	@AfterAll
	static void stop() {
		service.close();
	}

	static LongStream seeds() {
		long fresh = ThreadLocalRandom.current().nextLong();
		return LongStream.concat(LongStream.range(0, HISTORIES), LongStream.range(fresh, fresh + HISTORIES));
	}

	@ParameterizedTest
	@MethodSource("seeds")
	void everyQueryAnswersAsANaiveEvaluation(long seed) {
		Random random = new Random(seed);
		NaiveSeries series = NaiveSeries.send(service, random);
		for (int i = 0; i < QUERIES; i++) {
			Window window = Window.random(series, random);
			Long lastN = random.nextBoolean() ? null : 1L + random.nextInt(120);
			pointsAgree(series, window, lastN);
			timeseriesAgrees(series, random.nextInt(3) == 0 ? null : random.nextInt(6000) / 8.0, lastN);
			outlinesAgree(series, window, 2 + random.nextInt(80));
		}
	}

	private void pointsAgree(NaiveSeries series, Window window, Long lastN) {
		String query = window.query() + ((lastN != null) ? "&last_n=" + lastN : "");
		List<Point> all = new ArrayList<>();
		for (String channel : series.channels()) {
			List<Point> expected = series.points(channel, window, lastN);
			all.addAll(expected);
			JsonNode json = client
				.json(SeriesClient.points(series.dataId(), "channel=" + SeriesClient.encode(channel) + query));
			assertThat(Columns.doubles(json.get("timestamps"))).isEqualTo(expected.stream().map(Point::time).toList());
			assertThat(Columns.doubles(json.get("values"))).isEqualTo(expected.stream().map(Point::value).toList());
		}
		List<Point> withoutPositions = all.stream().map(Columns::withoutPosition).toList();
		HttpResponse<byte[]> csv = client.get(SeriesClient.points(series.dataId(), "format=csv" + query));
		assertThat(Columns.csv(new String(csv.body(), StandardCharsets.UTF_8))).isEqualTo(withoutPositions);
	}

	private void timeseriesAgrees(NaiveSeries series, Double elapsed, Long lastN) {
		JsonNode json = client.json("/metrology/" + series.dataId() + "/timeseries/?x=1"
				+ ((elapsed != null) ? "&elapsed_seconds=" + elapsed : "")
				+ ((lastN != null) ? "&last_n=" + lastN : ""));
		double origin = series.earliest();
		assertThat(json.get("series_max_time").doubleValue()).isEqualTo(series.latest() - origin);
		for (String channel : series.channels()) {
			List<Point> expected = series.points(channel, (time) -> elapsed == null || time - origin > elapsed, lastN);
			JsonNode property = json.get("properties").get(channel);
			assertThat(Columns.doubles(property.get("relative_time_seconds")))
				.isEqualTo(expected.stream().map((point) -> point.time() - origin).toList());
			assertThat(Columns.doubles(property.get("unix_timestamp_ms")))
				.isEqualTo(expected.stream().map((point) -> point.time() * 1000).toList());
			assertThat(Columns.doubles(property.get("values"))).isEqualTo(expected.stream().map(Point::value).toList());
		}
	}

	/**
	 * Every point shown was sent; the least and the greatest value are among them; gaps
	 * stand exactly where chunks were not received.
	 */
	private void outlinesAgree(NaiveSeries series, Window window, int maxPoints) {
		for (String channel : series.channels()) {
			List<Point> sent = series.points(channel, window, null);
			String csv = new String(client.get(SeriesClient.points(series.dataId(),
					"format=csv&max_points=" + maxPoints + "&channel=" + SeriesClient.encode(channel) + window.query()))
				.body(), StandardCharsets.UTF_8);
			List<Columns.Shown> shown = Columns.outline(csv);
			List<Columns.Shown> points = shown.stream().filter((entry) -> entry.missingChunks() == 0).toList();
			assertThat(points.size()).isLessThanOrEqualTo(maxPoints);
			assertThat(sent.stream().map(Columns::withoutPosition).toList())
				.containsAll(points.stream().map(Columns.Shown::point).toList());
			peaksAreKept(sent, points);
			gapsAreGaps(series, channel, shown);
			jsonIsTheSame(series, channel, window, maxPoints, shown);
		}
	}

	private static void peaksAreKept(List<Point> sent, List<Columns.Shown> points) {
		assertThat(points.isEmpty()).isEqualTo(sent.isEmpty());
		sent.stream()
			.mapToDouble(Point::value)
			.filter((value) -> !Double.isNaN(value))
			.reduce(Math::max)
			.ifPresent((most) -> assertThat(points).anyMatch((shown) -> shown.point().value() == most));
		sent.stream()
			.mapToDouble(Point::value)
			.filter((value) -> !Double.isNaN(value))
			.reduce(Math::min)
			.ifPresent((least) -> assertThat(points).anyMatch((shown) -> shown.point().value() == least));
	}

	private static void gapsAreGaps(NaiveSeries series, String channel, List<Columns.Shown> shown) {
		for (int i = 1; i < shown.size(); i++) {
			if (shown.get(i).missingChunks() > 0) {
				assertThat(shown.get(i).missingChunks()).isEqualTo(series.missingBetween(channel,
						shown.get(i - 1).point().chunkIndex(), shown.get(i + 1).point().chunkIndex()));
			}
			else if (shown.get(i - 1).missingChunks() == 0) {
				assertThat(series.missingBetween(channel, shown.get(i - 1).point().chunkIndex(),
						shown.get(i).point().chunkIndex()))
					.isZero();
			}
		}
	}

	private static void jsonIsTheSame(NaiveSeries series, String channel, Window window, int maxPoints,
			List<Columns.Shown> shown) {
		JsonNode json = client.json(SeriesClient.points(series.dataId(),
				"max_points=" + maxPoints + "&channel=" + SeriesClient.encode(channel) + window.query()));
		assertThat(Columns.doubles(json.get("timestamps")))
			.isEqualTo(shown.stream().map((entry) -> entry.point().time()).toList());
		assertThat(Columns.doubles(json.get("values")))
			.isEqualTo(shown.stream().map((entry) -> entry.point().value()).toList());
		json.get("gaps")
			.forEach((gap) -> assertThat(gap.get("missing_chunks").longValue())
				.isEqualTo(shown.get(gap.get("position").intValue()).missingChunks()));
		assertThat(json.get("gaps").size())
			.isEqualTo((int) shown.stream().filter((entry) -> entry.missingChunks() > 0).count());
	}

	/**
	 * From a time to a time.
	 *
	 * @param start included, or null
	 * @param end not included, or null
	 */
	private record Window(Double start, Double end) implements DoublePredicate {

		static Window random(NaiveSeries series, Random random) {
			double from = series.earliest() - 10;
			double length = series.latest() - series.earliest() + 20;
			double start = from + random.nextInt((int) (length * 8)) / 8.0;
			return new Window(random.nextInt(3) == 0 ? start : null,
					random.nextInt(3) == 0 ? start + 0.125 + random.nextInt((int) (length * 8)) / 8.0 : null);
		}

		@Override
		public boolean test(double time) {
			return (this.start == null || time >= this.start) && (this.end == null || time < this.end);
		}

		String query() {
			return ((this.start != null) ? "&start=" + this.start : "")
					+ ((this.end != null) ? "&end=" + this.end : "");
		}

	}

}
