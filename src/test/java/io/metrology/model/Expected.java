package io.metrology.model;

import java.util.Map;

import io.metrology.Answer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What must be answered.
 *
 * @param status the HTTP status
 * @param body the whole body, null for an empty one, or, where only a part is known,
 * those fields
 * @param whole whether that is the whole body
 * @param outcome the header {@code Chunk-Outcome}, or null for none
 * @param hash the header {@code Chunk-Hash}, or null for none
 */
record Expected(int status, Object body, boolean whole, String outcome, String hash) {

	private static final JsonMapper JSON = JsonMapper.builder().build();

	static Expected of(int status, Object body) {
		return new Expected(status, body, true, null, null);
	}

	static Expected partly(int status, Map<String, Object> fields) {
		return new Expected(status, fields, false, null, null);
	}

	static Expected refused(int status, String code, boolean ingest) {
		return partly(status, ingest ? Map.of("status", status, "code", code, "retryable", false, "stored", false)
				: Map.of("status", status, "code", code, "retryable", false));
	}

	void assertEquals(Answer answer) {
		assertThat(answer.status()).as("status of %s", answer).isEqualTo(this.status);
		assertThat(answer.outcome()).as("Chunk-Outcome").isEqualTo(this.outcome);
		assertThat(answer.hash()).as("Chunk-Hash").isEqualTo(this.hash);
		if (this.body == null) {
			assertThat(answer.body()).as("body").isEmpty();
			return;
		}
		JsonNode expected = JSON.readTree(JSON.writeValueAsString(this.body));
		JsonNode actual = answer.json();
		if (this.whole) {
			assertThat(actual).as("body").isEqualTo(expected);
			return;
		}
		expected.properties()
			.forEach((field) -> assertThat(actual.get(field.getKey())).as(field.getKey() + " of " + answer.body())
				.isEqualTo(field.getValue()));
	}

}
