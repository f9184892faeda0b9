package io.metrology.contract;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;

import io.metrology.http.ErrorCode;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * An answer of the service.
 *
 * @param status the status
 * @param headers the header fields by their names in lower case
 * @param body the body
 */
record Answer(int status, Map<String, List<String>> headers, byte[] body) {

	private static final JsonMapper JSON = JsonMapper.builder().build();

	/** What people at an instrument must never see: class names, stack traces, SQL. */
	private static final Pattern INTERNALS = Pattern
		.compile("\\b[a-z]+(\\.[a-z]+)+\\.[A-Z]|\\bat [\\w.$]+\\(|(?i:Exception"
				+ "|jackson|StreamReadFeature|JsonReadFeature|Tomcat|Coyote|\\bSELECT\\b|\\bINSERT\\b|SQLSTATE)");

	static Answer of(int status, Map<String, List<String>> headers, byte[] body) {
		Map<String, List<String>> lowerCase = new TreeMap<>();
		headers.forEach((name, values) -> lowerCase.put(name.toLowerCase(Locale.ROOT), values));
		return new Answer(status, lowerCase, body);
	}

	@Nullable String header(String name) {
		List<String> values = this.headers.get(name.toLowerCase(Locale.ROOT));
		return (values != null) ? values.get(0) : null;
	}

	String text() {
		return new String(this.body, StandardCharsets.UTF_8);
	}

	JsonNode json() {
		return JSON.readTree(this.body);
	}

	String detail() {
		return json().get("detail").stringValue();
	}

	/** The pointers and parameters that the listed faults name. */
	List<String> faults() {
		JsonNode errors = json().path("errors");
		return StreamSupport.stream(errors.spliterator(), false)
			.map((fault) -> fault.has("pointer") ? fault.get("pointer").stringValue()
					: fault.path("parameter").stringValue("-"))
			.toList();
	}

	/** Asserts that this is a problem of the catalogue, whole and without internals. */
	Answer assertProblem(ErrorCode code) {
		assertThat(text()).as("status %d, headers %s", this.status, this.headers).contains("\"" + code.code() + "\"");
		JsonNode problem = json();
		assertThat(header("Content-Type")).isEqualTo("application/problem+json");
		assertThat(this.status).isEqualTo(code.status());
		assertThat(problem.path("type").stringValue("")).endsWith(code.code());
		assertThat(problem.path("title").stringValue("")).isEqualTo(code.title());
		assertThat(problem.path("status").intValue()).isEqualTo(code.status());
		assertThat(problem.path("code").stringValue("")).isEqualTo(code.code());
		assertThat(problem.path("retryable").booleanValue()).isEqualTo(code.retryable());
		assertThat(problem.path("request_id").stringValue("")).isEqualTo(header("X-Request-Id")).isNotEmpty();
		assertThat(detail()).isNotBlank().endsWith(".").hasSizeLessThan(1000);
		assertThat(detail().codePoints()).noneMatch(Character::isISOControl);
		assertThat(this.body.length).isLessThan(32_000);
		assertNoInternals();
		return this;
	}

	/** Asserts also that the answer says that nothing was stored. */
	Answer assertNotStored(ErrorCode code) {
		assertProblem(code);
		assertThat(json().has("stored")).as("has stored").isTrue();
		assertThat(json().get("stored").isBoolean()).as("stored is a boolean").isTrue();
		assertThat(json().get("stored").booleanValue()).as("stored").isFalse();
		return this;
	}

	void assertNoInternals() {
		assertThat(INTERNALS.matcher(text()).results().map((match) -> match.group()).toList()).as(text()).isEmpty();
	}

	@Override
	public boolean equals(@Nullable Object other) {
		return this == other;
	}

	@Override
	public int hashCode() {
		return Objects.hash(this.status, this.headers);
	}

	@Override
	public String toString() {
		return this.status + " " + this.headers + " " + text();
	}

}
