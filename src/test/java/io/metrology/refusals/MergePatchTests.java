package io.metrology.refusals;

import java.nio.charset.StandardCharsets;

import io.metrology.http.ProblemException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/** A merge patch changes what it names, and not one digit of anything else. */
class MergePatchTests {

	/** The examples of RFC 7396, appendix A. */
	@ParameterizedTest
	@CsvSource(delimiter = '|', quoteCharacter = '`', value = { """
			{"a":"b"}         | {"a":"c"}                  | {"a":"c"}""", """
			{"a":"b"}         | {"b":"c"}                  | {"a":"b","b":"c"}""", """
			{"a":"b"}         | {"a":null}                 | {}""", """
			{"a":"b","b":"c"} | {"a":null}                 | {"b":"c"}""", """
			{"a":["b"]}       | {"a":"c"}                  | {"a":"c"}""", """
			{"a":"c"}         | {"a":["b"]}                | {"a":["b"]}""", """
			{"a":{"b":"c"}}   | {"a":{"b":"d","c":null}}   | {"a":{"b":"d"}}""", """
			{"a":[{"b":"c"}]} | {"a":[1]}                  | {"a":[1]}""", """
			["a","b"]         | ["c","d"]                  | ["c","d"]""", """
			{"a":"b"}         | ["c"]                      | ["c"]""", """
			{"a":"foo"}       | null                       | null""", """
			{"a":"foo"}       | "bar"                      | "bar"
			""", """
			{"e":null}        | {"a":1}                    | {"e":null,"a":1}""", """
			[1,2]             | {"a":"b","c":null}         | {"a":"b"}""", """
			{}                | {"a":{"bb":{"ccc":null}}}  | {"a":{"bb":{}}}""" })
	void patchIsMergedAsTheStandardSays(String target, String patch, String merged) {
		assertThat(apply(target, patch)).isEqualTo(merged);
	}

	@Test
	void everyNumberKeepsItsText() {
		assertThat(apply("{\"values\": [1.10, -0.0, 1E+3, 0.1000000000000000055511151231257827, NaN], \"n\": 1e0}",
				"{\"n\": 2.50, \"deep\": {\"m\": [7.00, {\"k\": 3.0}]}}"))
			.isEqualTo("{\"values\":[1.10,-0.0,1E+3,0.1000000000000000055511151231257827,NaN],\"n\":2.50,"
					+ "\"deep\":{\"m\":[7.00,{\"k\":3.0}]}}");
	}

	@Test
	void textsStayTheSameTexts() {
		assertThat(apply("{\"channel_name\": \"µ\\\"\\ud800\\n😀\"}", "{\"units\": \"°C\"}"))
			.isEqualTo("{\"channel_name\":\"\\u00B5\\\"\\uD800\\n\\uD83D\\uDE00\",\"units\":\"\\u00B0C\"}");
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', quoteCharacter = '`',
			value = { "{ | {}", "{} | {", "{\"a\":1} x | {}", "{} | {} {}", "{\"a\":1,\"a\":2} | {}", "[1,] | {}" })
	void malformedJsonIsRefused(String target, String patch) {
		assertThatExceptionOfType(ProblemException.class).isThrownBy(() -> apply(target, patch))
			.matches((problem) -> problem.code().code().equals("malformed_json"));
	}

	private static String apply(String target, String patch) {
		return new String(
				MergePatch.apply(target.getBytes(StandardCharsets.UTF_8), patch.getBytes(StandardCharsets.UTF_8)),
				StandardCharsets.UTF_8);
	}

}
