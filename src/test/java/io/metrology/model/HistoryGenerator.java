package io.metrology.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;

import io.metrology.model.Step.CorrectUnits;
import io.metrology.model.Step.Ingest;
import io.metrology.model.Step.Invalid;

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
		return new History(seed, initialized, Stream.generate(this::step).limit(length).toList());
	}

	private Step step() {
		int kind = this.random.nextInt(100);
		if (kind < 40 || this.sent.isEmpty()) {
			return remember(chunk(pick(CHANNELS), pick(INDEXES), pick(UNITS), false));
		}
		Ingest earlier = pick(this.sent);
		if (kind < 58) {
			return earlier;
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
