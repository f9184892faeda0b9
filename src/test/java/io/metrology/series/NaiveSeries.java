package io.metrology.series;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.DoublePredicate;

import io.metrology.Chunks;
import io.metrology.TestService;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What a stream holds, in memory, and what queries must answer, evaluated in the plainest
 * way.
 */
final class NaiveSeries {

	private static final List<Double> SPECIAL = List.of(0.0, -0.0, Double.MIN_VALUE, -Double.MAX_VALUE,
			Double.MAX_VALUE, 1e22, 9007199254740993.0, 0.1 + 0.2, 1e-7, 123456789012345680.0);

	private final UUID dataId = UUID.randomUUID();

	private final SortedMap<String, SortedMap<Integer, List<Point>>> channels = new TreeMap<>();

	UUID dataId() {
		return this.dataId;
	}

	Iterable<String> channels() {
		return this.channels.keySet();
	}

	/** Sends a random history: new chunks, replacements and holes, in any order. */
	static NaiveSeries send(TestService service, Random random) {
		NaiveSeries series = new NaiveSeries();
		for (String channel : List.of("thickness", "a \"b\", c/ü")) {
			boolean sorted = random.nextBoolean();
			int span = 1 + random.nextInt(60);
			int longest = 1 + random.nextInt(40);
			int requests = 1 + random.nextInt(40);
			for (int i = 0; i < requests; i++) {
				int index = random.nextInt(span);
				List<Point> points = new ArrayList<>();
				int length = 1 + random.nextInt(longest);
				for (int position = 0; position < length; position++) {
					double time = sorted ? 1.7e9 + index * 100 + position * 0.1
							: 1.7e9 + random.nextInt(span * 100) / 8.0;
					points.add(new Point(channel, index, position, time, value(random)));
				}
				series.channels.computeIfAbsent(channel, (name) -> new TreeMap<>()).put(index, points);
				String body = Chunks.of(series.dataId, channel, index, points.stream().map(Point::time).toList(),
						points.stream().map(Point::value).toList(), null);
				assertThat(service.postChunk(body).status()).isEqualTo(201);
			}
		}
		return series;
	}

	private static double value(Random random) {
		return switch (random.nextInt(8)) {
			case 0, 1 -> Double.NaN;
			case 2 -> SPECIAL.get(random.nextInt(SPECIAL.size()));
			default -> random.nextGaussian() * Math.pow(10, random.nextInt(40) - 20);
		};
	}

	/** The points of a channel whose time passes, the last n of them. */
	List<Point> points(String channel, DoublePredicate time, Long lastN) {
		List<Point> all = this.channels.getOrDefault(channel, new TreeMap<>())
			.values()
			.stream()
			.flatMap(List::stream)
			.filter((point) -> time.test(point.time()))
			.toList();
		return (lastN != null && lastN < all.size()) ? all.subList((int) (all.size() - lastN), all.size()) : all;
	}

	double earliest() {
		return all().mapToDouble(Point::time).min().getAsDouble();
	}

	double latest() {
		return all().mapToDouble(Point::time).max().getAsDouble();
	}

	private java.util.stream.Stream<Point> all() {
		return this.channels.values().stream().flatMap((chunks) -> chunks.values().stream()).flatMap(List::stream);
	}

	/**
	 * How many chunks between two were never received.
	 */
	long missingBetween(String channel, int earlier, int later) {
		Map<Integer, List<Point>> held = this.channels.get(channel).subMap(earlier, later + 1);
		return later - earlier + 1L - held.size();
	}

	/**
	 * A point.
	 *
	 * @param channel its channel
	 * @param chunkIndex its chunk
	 * @param position its place in it
	 * @param time its timestamp
	 * @param value its value; boxed, so that it compares bit by bit, all NaN being one
	 */
	record Point(String channel, int chunkIndex, int position, Double time, Double value) {

	}

}
