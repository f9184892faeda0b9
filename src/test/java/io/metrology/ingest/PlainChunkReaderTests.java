package io.metrology.ingest;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import io.metrology.http.ProblemException;
import io.metrology.http.RequestReaders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The quick reader and the exact parser agree on everything that the quick one accepts.
 */
class PlainChunkReaderTests {

	private static final int MAX_POINTS = 50;

	private static final String UUID = "d290f1ee-6c54-4b01-90e6-d701748f0851";

	private static final List<String> PARTS = List.of("{", "}", "[", "]", ",", ":", "\"", "\\", " ", "\n", "\u0000",
			"null", "NaN", "true", "-", "+", ".", "e", "E", "0", "00", "1", "9", "1e999", "\"units\":", "\"values\":",
			"é", "\\u0041", "1e22", "1e23", "-0", "-0.0", "9007199254740993", "1705312200.123",
			"123456789012345678901");

	private final ChunkParser exact = new ChunkParser(RequestReaders.strict(),
			new IngestProperties(MAX_POINTS, 1000, 10_000, IngestProperties.UnitsMismatch.REJECT));

	@Test
	void whatClientsSendIsPlain() {
		Random random = new Random(1);
		for (int i = 0; i < 1000; i++) {
			assertThat(read(body(random))).isNotNull();
		}
	}

	@Test
	void everyNumberIsReadToTheLastBit() {
		SplittableRandom random = new SplittableRandom(2);
		for (int i = 0; i < 40_000; i++) {
			String number = number(random, i);
			double expected = Double.parseDouble(number);
			ChunkRequest request = read(chunk("0", number));
			if (Double.isFinite(expected)) {
				assertThat(request).as(number).isNotNull();
				assertThat(Double.doubleToRawLongBits(request.values()[0])).as(number)
					.isEqualTo(Double.doubleToRawLongBits(expected));
			}
			else {
				assertThat(request).as(number).isNull();
			}
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "1_0", "NaN", "Infinity", "1e999",
			"\"1\"", "true", "[1]", "1 2", "--1", "1.5.5", "1e5e5", "1ee5", "- 1" })
	void whatIsNoPlainNumberIsLeftToTheExactParser(String number) {
		assertThat(read(chunk("0", number))).isNull();
	}

	@Test
	void mutatedBodiesAreReadAlikeOrLeftToTheExactParser() {
		Random random = new Random(3);
		int accepted = 0;
		for (int i = 0; i < 40_000; i++) {
			byte[] body = mutate(body(random), random);
			ChunkRequest plain = read(body);
			if (plain != null) {
				accepted++;
				Chunk expected = exactly(body);
				Chunk actual = plain.toChunk();
				assertThat(actual.key()).isEqualTo(expected.key());
				assertThat(actual.units()).isEqualTo(expected.units());
				assertThat(bits(actual.timestamps())).isEqualTo(bits(expected.timestamps()));
				assertThat(bits(actual.values())).isEqualTo(bits(expected.values()));
			}
		}
		assertThat(accepted).isGreaterThan(2_000);
	}

	private static ChunkRequest read(byte[] body) {
		return PlainChunkReader.read(body, MAX_POINTS);
	}

	private Chunk exactly(byte[] body) {
		try {
			return this.exact.parseExactly(body);
		}
		catch (ProblemException ex) {
			throw new AssertionError("Refused: " + new String(body, StandardCharsets.ISO_8859_1), ex);
		}
	}

	private static byte[] chunk(String timestamp, String value) {
		return ("{\"data_id\":\"" + UUID + "\",\"chunk_index\":0,\"channel_name\":\"a\",\"timestamps\":[" + timestamp
				+ "],\"values\":[" + value + "]}")
			.getBytes(StandardCharsets.UTF_8);
	}

	private static byte[] body(Random random) {
		int points = 1 + random.nextInt(4);
		List<String> fields = Arrays.asList("\"data_id\": \"" + UUID + "\"",
				"\"chunk_index\":" + random.nextInt(Integer.MAX_VALUE), "\"channel_name\" : \"thickness /%\"",
				"\"timestamps\":[" + numbers(random, points, 1.7e9) + "]",
				"\"values\": [" + numbers(random, points, 1) + ((random.nextInt(3) > 0) ? "" : ",null") + "]",
				"\"units\": " + (random.nextBoolean() ? "\"nm\"" : "null"));
		if (fields.get(4).endsWith("null]")) {
			fields.set(3, "\"timestamps\":[" + numbers(random, points, 1.7e9) + ", 0]");
		}
		Collections.shuffle(fields, random);
		return ("{" + String.join((random.nextBoolean()) ? ", " : ",\n\t", fields) + "}")
			.getBytes(StandardCharsets.UTF_8);
	}

	private static String numbers(Random random, int count, double base) {
		return IntStream.range(0, count)
			.mapToObj((i) -> (random.nextInt(4) == 0) ? Double.toString(base * random.nextGaussian())
					: String.format(Locale.ROOT, "%.3f", base + i))
			.collect(Collectors.joining(random.nextBoolean() ? "," : " , "));
	}

	private static String number(SplittableRandom random, int i) {
		double any = Double.longBitsToDouble(random.nextLong());
		return switch (i % 5) {
			case 0 -> Double.isFinite(any) ? Double.toString(any) : "0";
			case 1 -> Long.toString(random.nextLong());
			case 2 -> random.nextLong(1L << 55) + "e" + random.nextInt(-30, 30);
			case 3 -> String.format(Locale.ROOT, "%." + random.nextInt(1, 20) + "f", random.nextDouble(-1e6, 1e6));
			default ->
				random.nextInt(-99, 99) + "." + random.nextLong(Long.MAX_VALUE) + "E" + random.nextInt(-400, 400);
		};
	}

	private static byte[] mutate(byte[] body, Random random) {
		String text = new String(body, StandardCharsets.UTF_8);
		for (int i = random.nextInt(3); i > 0; i--) {
			int at = random.nextInt(text.length());
			int end = Math.min(text.length(), at + random.nextInt(3));
			text = text.substring(0, at) + PARTS.get(random.nextInt(PARTS.size())) + text.substring(end);
		}
		byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
		if (random.nextInt(10) == 0) {
			bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
		}
		return bytes;
	}

	private static List<Long> bits(double[] numbers) {
		return Arrays.stream(numbers).mapToObj(Double::doubleToRawLongBits).toList();
	}

}
