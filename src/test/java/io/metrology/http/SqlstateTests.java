package io.metrology.http;

import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/** What is tried again: too little makes errors of a restart, too much hides faults. */
class SqlstateTests {

	@ParameterizedTest
	@ValueSource(strings = { "08006", "40001", "40P01", "53300", "57P01", "57P03", "57014", "58030", "25006", "55P03" })
	void passingFailureIsWorthRetrying(String code) {
		assertThat(new Sqlstate(code).isWorthRetrying()).isTrue();
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "22003", "23505", "42P01", "25P02", "P0001", "XX000" })
	void lastingFailureIsNot(String code) {
		assertThat(new Sqlstate(code).isWorthRetrying()).isFalse();
	}

	@Test
	void connectionThatThePoolClosedIsWorthRetrying() {
		RuntimeException failure = new IllegalStateException("Unable to rollback against JDBC Connection",
				new SQLException("Connection is closed"));

		assertThat(Sqlstate.of(failure).isWorthRetrying()).isTrue();
	}

	@Test
	void poolWithoutAFreeConnectionIsWorthRetrying() {
		assertThat(Sqlstate.of(new SQLTransientConnectionException("Connection is not available")).isWorthRetrying())
			.isTrue();
	}

	@Test
	void nearestStateCounts() {
		SQLException deep = new SQLException("deep", "08006");

		assertThat(Sqlstate.of(new SQLException("near", "23505", deep)).code()).isEqualTo("23505");
		assertThat(Sqlstate.of(new SQLException("near, without a state", deep)).code()).isEqualTo("08006");
	}

	@Test
	void failureWithoutADatabaseHasNoState() {
		assertThat(Sqlstate.of(new IllegalStateException()).code()).isEmpty();
	}

}
