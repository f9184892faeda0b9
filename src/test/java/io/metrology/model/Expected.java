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
 * @param body the whole body, or of an error those fields that are not for people
 * @param outcome the header {@code Chunk-Outcome}, or null for none
 * @param hash the header {@code Chunk-Hash}, or null for none
 */
record Expected(int status, Map<String, Object> body, String outcome, String hash) {

	private static final JsonMapper JSON = JsonMapper.builder().build();

	static Expected refused(int status, String code, boolean ingest) {
		return new Expected(status, ingest ? Map.of("status", status, "code", code, "retryable", false, "stored", false)
				: Map.of("status", status, "code", code, "retryable", false), null, null);
	}

	void assertEquals(Answer answer) {
		assertThat(answer.status()).as("status of %s", answer).isEqualTo(this.status);
		assertThat(answer.outcome()).as("Chunk-Outcome").isEqualTo(this.outcome);
		assertThat(answer.hash()).as("Chunk-Hash").isEqualTo(this.hash);
		JsonNode expected = JSON.readTree(JSON.writeValueAsString(this.body));
		JsonNode actual = answer.json();
		if (this.status < 400) {
			assertThat(actual).as("body").isEqualTo(expected);
			return;
		}
		expected.properties()
			.forEach((field) -> assertThat(actual.get(field.getKey())).as(field.getKey() + " of " + answer.body())
				.isEqualTo(field.getValue()));
	}

}
