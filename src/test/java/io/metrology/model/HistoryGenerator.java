package io.metrology.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

import io.metrology.model.Step.CorrectUnits;
import io.metrology.model.Step.Delete;
import io.metrology.model.Step.Finish;
import io.metrology.model.Step.Finish.Announced;
import io.metrology.model.Step.Ingest;
import io.metrology.model.Step.Invalid;
import io.metrology.model.Step.Multi;
import io.metrology.model.Step.Multi.Samples;

/**
 * Makes histories. Few channels, few indexes and few units, so that most requests meet
 * what earlier ones left.
 */
final class HistoryGenerator {

	static final int FEWEST_STEPS = 30;

	private static final int MORE_STEPS = 16;

	private static final int LONGEST_CHUNK = 12;

	private static final List<String> PATHS = List.of("/metrology", "/tool-state");

	private static final List<String> CHANNELS = List.of("thickness", "Temperatur °C / \"α\"", "100% 𝄞;\\");

	private static final List<Integer> INDEXES = List.of(0, 1, 2, 3, 7, Integer.MAX_VALUE);

	private static final List<String> UNITS = Arrays.asList(null, null, "nm", "nm", "nm", "µm");

	private static final List<Announced> ANNOUNCED = List.of(Announced.NOTHING, Announced.NOTHING,
			Announced.WHAT_IS_THERE, Announced.SOMETHING_ELSE);

	private static final List<Double> SPECIAL = List.of(0.0, -0.0, Double.MIN_VALUE, -Double.MAX_VALUE, 1e308,
			9007199254740993.0, 0.1 + 0.2);

	private static final List<Invalid> INVALID = List.of(
			invalid("\"chunk_index\": -1, \"timestamps\": [1], \"values\": [1]"),
			invalid("\"chunk_index\": 3.5, \"timestamps\": [1], \"values\": [1]"),
			invalid("\"chunk_index\": \"0\", \"timestamps\": [1], \"values\": [1]"),
			invalid("\"chunk_index\": true, \"timestamps\": [1], \"values\": [1]"),
			invalid("\"chunk_index\": 2147483648, \"timestamps\": [1], \"values\": [1]"),
			invalid("\"timestamps\": [1], \"values\": [1]"), invalid("\"chunk_index\": 0, \"values\": [1]"),
			invalid("\"chunk_index\": 0, \"timestamps\": [1]"),
			invalid("\"chunk_index\": 0, \"timestamps\": [], \"values\": []"),
			invalid("\"chunk_index\": 0, \"timestamps\": [1, 2], \"values\": [1]"),
			invalid("\"chunk_index\": 0, \"timestamps\": [1], \"values\": [1, 2]"),
			invalid("\"chunk_index\": 0, \"timestamps\": [1, 2], \"values\": [1, 1e999]"),
			invalid("\"chunk_index\": 0, \"timestamps\": [1], \"values\": [Infinity]"),
			invalid("\"chunk_index\": 0, \"timestamps\": [1], \"values\": [\"1\"]"),
			invalid("\"chunk_index\": 0, \"timestamps\": [null], \"values\": [1]"),
			invalid("\"chunk_index\": 0, \"timestamps\": [NaN], \"values\": [1]"),
			invalid("\"chunk_index\": 0, \"timestamps\": [1], \"values\": [1], \"units\": 5"),
			new Invalid(body("\"chunk_index\": 0, \"timestamps\": [1705312200000], \"values\": [1]"), 400,
					"timestamp_out_of_range"),
			new Invalid(body("\"chunk_index\": 0, \"chunk_index\": 0, \"timestamps\": [1], \"values\": [1]"), 400,
					"malformed_json"),
			new Invalid(body("\"chunk_index\": 0, \"timestamps\": [1], \"values\": [1]") + "x", 400, "malformed_json"));

	private final Random random;

	private final List<Ingest> sent = new ArrayList<>();

	private HistoryGenerator(long seed) {
		this.random = new Random(seed);
	}

	static History generate(long seed) {
		return new HistoryGenerator(seed).history(seed);
	}

	private History history(long seed) {
		boolean initialized = this.random.nextBoolean();
		int length = FEWEST_STEPS + this.random.nextInt(MORE_STEPS);
		List<Step> steps = new ArrayList<>(Stream.generate(this::step).limit(length).toList());
		steps.addAll(ending());
		return new History(seed, initialized, steps);
	}

	/** Few ends, because each may wait; and what comes after them. */
	private List<Step> ending() {
		List<Step> ending = new ArrayList<>();
		if (this.random.nextInt(10) < 7) {
			ending.add(new Finish(pick(PATHS), pick(ANNOUNCED)));
			Stream.generate(this::step).limit(4).forEach(ending::add);
			ending.add(new Finish(pick(PATHS), Announced.WHAT_IS_THERE));
			ending.add(step());
		}
		if (this.random.nextInt(10) < 4) {
			ending.add(new Delete(pick(PATHS)));
			Stream.generate(this::step).limit(4).forEach(ending::add);
			ending.add(pick(List.of(new Delete(pick(PATHS)), new Finish(pick(PATHS), Announced.NOTHING))));
		}
		return ending;
	}

	private Step step() {
		int kind = this.random.nextInt(100);
		if (kind < 40 || this.sent.isEmpty()) {
			return remember(chunk(pick(CHANNELS), pick(INDEXES), pick(UNITS), false));
		}
		Ingest earlier = pick(this.sent);
		if (kind < 50) {
			return earlier;
		}
		if (kind < 58) {
			return (this.random.nextInt(4) > 0) ? multi(this.random.nextInt(5) == 0) : multi(earlier);
		}
		if (kind < 66) {
			return remember(withUnits(earlier, pick(UNITS)));
		}
		if (kind < 76) {
			return remember(chunk(earlier.channel(), earlier.index(), earlier.units(), false));
		}
		if (kind < 84) {
			return this.random.nextBoolean() ? chunk(pick(CHANNELS), pick(INDEXES), pick(UNITS), true)
					: validateOnly(earlier);
		}
		return (kind < 93) ? pick(INVALID) : new CorrectUnits(pick(CHANNELS), pick(UNITS));
	}

	private Multi multi(boolean validateOnly) {
		SortedMap<String, Samples> channels = new TreeMap<>();
		int count = 1 + this.random.nextInt(CHANNELS.size());
		while (channels.size() < count) {
			Ingest chunk = chunk(pick(CHANNELS), 0, pick(UNITS), false);
			channels.put(chunk.channel(), new Samples(chunk.timestamps(), chunk.values(), chunk.units()));
		}
		return new Multi(pick(PATHS), pick(INDEXES), channels, validateOnly);
	}

	/** A multi that says the same again, which is like an earlier chunk. */
	private static Multi multi(Ingest earlier) {
		return new Multi(earlier.path(), earlier.index(), new TreeMap<>(
				Map.of(earlier.channel(), new Samples(earlier.timestamps(), earlier.values(), earlier.units()))),
				false);
	}

	private Ingest remember(Ingest step) {
		this.sent.add(step);
		return step;
	}

	private Ingest chunk(String channel, int index, String units, boolean validateOnly) {
		int points = 1 + this.random.nextInt(LONGEST_CHUNK);
		return new Ingest(pick(PATHS), channel, index, numbers(points, this::timestamp), numbers(points, this::value),
				units, validateOnly);
	}

	private static Ingest withUnits(Ingest step, String units) {
		return new Ingest(step.path(), step.channel(), step.index(), step.timestamps(), step.values(), units, false);
	}

	private static Ingest validateOnly(Ingest step) {
		return new Ingest(step.path(), step.channel(), step.index(), step.timestamps(), step.values(), step.units(),
				true);
	}

	private double timestamp() {
		return (this.random.nextInt(10) == 0) ? (this.random.nextDouble() - 0.5) * 2 * 9_223_372_036.0
				: 1.7e9 + this.random.nextInt(100_000) / 8.0;
	}

	private double value() {
		return switch (this.random.nextInt(10)) {
			case 0, 1 -> Double.NaN;
			case 2 -> pick(SPECIAL);
			default -> this.random.nextGaussian();
		};
	}

	private List<Double> numbers(int count, Supplier<Double> number) {
		return Stream.generate(number).limit(count).toList();
	}

	private <T> T pick(List<T> choices) {
		return choices.get(this.random.nextInt(choices.size()));
	}

	private static Invalid invalid(String fields) {
		return new Invalid(body(fields), 400, "invalid_request");
	}

	private static String body(String fields) {
		return "{\"data_id\": \"DATA_ID\", \"channel_name\": \"thickness\", " + fields + "}";
	}

}
