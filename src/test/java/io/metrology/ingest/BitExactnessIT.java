package io.metrology.ingest;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.UUID;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A double keeps every bit from the request's text to the row, and from the row to the
 * answer's text. What a text means is said by {@link Double#parseDouble}, which rounds
 * correctly.
 */
class BitExactnessIT {

	private static final String CHANNEL = "thickness";

	private static final long SEED = 20240115;

	private static final int RANDOM_DOUBLES = 20_000;

	private static final double LAST_TIMESTAMP = 9_223_372_036.0;

	private static final List<String> TEXTS = List.of("0", "-0", "0.0", "-0.0", "-0e5", "0E-400", "-0.000", "4.9E-324",
			"-4.9e-324", "5e-324", "2.4703282292062328e-324", "2.4703282292062327e-324", "2.2250738585072014E-308",
			"2.2250738585072011e-308", "1.7976931348623157e308", "-1.7976931348623157E+308", "1e308", "1E+308",
			"1e0308", "0.1", "0.10000000000000000555", "0.30000000000000004", "1.50000", "123456789.12345678",
			"3.1415926535897931", "9007199254740992", "9007199254740993", "-9007199254740993", "9007199254740995",
			"9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551617",
			"123456789012345678901234567890", "1e-400", "-1e-400", "1e22", "1e23", "8.41e21", "9.5367431640625e-7",
			"0.000001", "6.02214076e23", "1e+0", "1e-0", "100000000000000000000000", "0." + "0".repeat(320) + "5",
			"1" + "0".repeat(308), "1." + "0".repeat(500) + "1");

	private static TestService service;

	private static StoredRows rows;

	@BeforeAll
	static void start() throws Exception {
		TestDatabase database = TestPostgres.newDatabase();
		service = TestService.start(database);
		rows = new StoredRows(database);
	}

	@AfterAll
	static void stop() throws Exception {
		rows.close();
		service.close();
	}

	@Test
	void valuesOfManyFormsKeepEveryBit() throws Exception {
		assertValuesKeepEveryBit(TEXTS);
	}

	@Test
	void randomValuesKeepEveryBit() throws Exception {
		Random random = new Random(SEED);
		List<String> texts = new ArrayList<>();
		while (texts.size() < RANDOM_DOUBLES) {
			double value = Double.longBitsToDouble(random.nextLong());
			if (Double.isFinite(value)) {
				texts.add(text(value, random.nextInt(4)));
			}
		}

		assertValuesKeepEveryBit(texts);
	}

	@Test
	void valuesHalfwayBetweenTwoDoublesAreRoundedToEven() throws Exception {
		Random random = new Random(SEED);
		List<String> texts = new ArrayList<>();
		while (texts.size() < 500) {
			double value = Math.abs(Double.longBitsToDouble(random.nextLong()));
			if (value < 1e300) {
				BigDecimal sum = new BigDecimal(value).add(new BigDecimal(Math.nextUp(value)));
				texts.add(sum.divide(BigDecimal.valueOf(2)).toString());
			}
		}

		assertValuesKeepEveryBit(texts);
	}

	@Test
	void timestampsKeepEveryBit() throws Exception {
		Random random = new Random(SEED);
		List<String> texts = new ArrayList<>(List.of("-0", "-0.0", "9223372036", "-9223372036", "9223372036.0",
				"1705312200", "1705312200.0", "1705312200.123456789", "1.7053122e9", "4.9E-324", "1e-400"));
		texts.add(Double.toString(Math.nextDown(LAST_TIMESTAMP)));
		while (texts.size() < RANDOM_DOUBLES) {
			texts.add(text((random.nextDouble() * 2 - 1) * LAST_TIMESTAMP, random.nextInt(4)));
		}

		UUID dataId = post(texts, Collections.nCopies(texts.size(), "0"));

		assertThat(storedBits(dataId, "timestamps")).containsExactly(bits(texts));
	}

	@Test
	void missingValuesAreNanInTheRowAndNullInTheAnswer() throws Exception {
		UUID dataId = post(List.of("1", "2", "3", "4"), List.of("null", "1", "NaN", "-0"));

		assertThat(storedBits(dataId, "\"values\"")).containsExactly(0x7ff8000000000000L, Double.doubleToLongBits(1),
				0x7ff8000000000000L, Double.doubleToLongBits(-0.0));
		assertThat(answeredValues(dataId)).containsExactly("null", "1.0", "null", "-0.0");
	}

	private static void assertValuesKeepEveryBit(List<String> texts) throws Exception {
		long[] sent = bits(texts);

		UUID dataId = post(Collections.nCopies(texts.size(), "1.5"), texts);

		assertThat(storedBits(dataId, "\"values\"")).as("bits in the row").containsExactly(sent);
		assertThat(bits(answeredValues(dataId))).as("bits in the answer").containsExactly(sent);
	}

	/**
	 * The shortest form, 17 digits, the exact decimal expansion, or one with zeros
	 * around.
	 */
	private static String text(double value, int form) {
		return switch (form) {
			case 0 -> Double.toString(value);
			case 1 -> String.format(Locale.ROOT, "%.16e", value);
			case 2 -> new BigDecimal(value).toString();
			default -> String.format(Locale.ROOT, "%.20e", new BigDecimal(value)).replaceAll("e([+-])", "000E$100");
		};
	}

	private static UUID post(List<String> timestamps, List<String> values) {
		UUID dataId = UUID.randomUUID();
		Answer answer = service.postChunk(Chunks.ofTexts(dataId, CHANNEL, 0, timestamps, values, null));
		assertThat(answer.status()).as(answer.body()).isEqualTo(201);
		return dataId;
	}

	private static long[] bits(List<String> texts) {
		return texts.stream().mapToLong((text) -> Double.doubleToRawLongBits(Double.parseDouble(text))).toArray();
	}

	private static long[] storedBits(UUID dataId, String column) throws Exception {
		return rows.texts("""
				SELECT encode(float8send(number), 'hex')
				  FROM chunk,
				       unnest(%s) WITH ORDINALITY AS element (number, position)
				 WHERE data_id = '%s'
				 ORDER BY position
				""".formatted(column, dataId)).stream().mapToLong((hex) -> Long.parseUnsignedLong(hex, 16)).toArray();
	}

	/**
	 * The numbers as they stand in the answer: a JSON parser might lose what is tested.
	 */
	private static List<String> answeredValues(UUID dataId) {
		String body = service.get("/metrology/" + dataId + "/timeseries/").body();
		String array = "\"values\":[";
		int start = body.indexOf(array) + array.length();
		return Arrays.asList(body.substring(start, body.indexOf(']', start)).split(","));
	}

}
