package io.metrology.http;

import java.time.DateTimeException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

class RequestTimeTests {

	@Test
	void timeIsReadInItsZoneAndToTheMicrosecond() {
		assertThat(RequestTime.parse("2030-01-31T01:00:00.1234567+02:00")).hasToString("2030-01-30T23:00:00.123456Z");
	}

	@Test
	void nothingIsRoundedBeyondTheLastYear() {
		assertThat(RequestTime.parse("9999-12-31T23:59:59.9999999Z")).hasToString("9999-12-31T23:59:59.999999Z");
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "2030-01-31", "2030-13-31T00:00:00Z", "+300000-01-01T00:00:00Z",
			"-999999999-01-01T00:00:00Z", "+999999999-12-31T23:59:59Z", "0000-06-01T00:00:00Z",
			"9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00" })
	void whatPostgresOrOthersCannotReadIsNone(String text) {
		assertThatExceptionOfType(DateTimeException.class).isThrownBy(() -> RequestTime.parse(text));
	}

}
