package io.metrology.model;

import java.sql.SQLException;
import java.util.List;
import java.util.Random;
import java.util.UUID;

import io.metrology.Answer;
import io.metrology.StoredRows;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Sends histories to the instances of the service, each to a stream of its own and each
 * step to any of them, and compares every answer, and after it every row of the stream,
 * with the model. For one thread at a time.
 */
final class HistoryRunner implements AutoCloseable {

	private final List<TestService> services;

	private final StoredRows rows;

	HistoryRunner(List<TestService> services, TestDatabase database) throws SQLException {
		this.services = services;
		this.rows = new StoredRows(database);
	}

	/** The first difference to the model, or null where there is none. */
	Difference run(History history) {
		UUID dataId = history.initialized() ? initialize() : UUID.randomUUID();
		ModelStream stream = new ModelStream(dataId, history.initialized());
		Random choice = new Random(history.seed());
		int number = 0;
		for (Step step : history.steps()) {
			number++;
			try {
				Expected expected = step.apply(stream);
				Answer answer = step.send(this.services.get(choice.nextInt(this.services.size())), dataId);
				expected.assertEquals(answer);
				assertRows(dataId, stream);
			}
			catch (AssertionError | RuntimeException | SQLException ex) {
				return new Difference(history, number, ex);
			}
		}
		return null;
	}

	private UUID initialize() {
		Answer answer = this.services.get(0).post("/metrology/stream/initialize", "{\"points_per_chunk\": 3}");
		return UUID.fromString(answer.json().required("data_id").stringValue());
	}

	private void assertRows(UUID dataId, ModelStream stream) throws SQLException {
		assertThat(this.rows.streams(dataId)).as("rows of the stream").isEqualTo(stream.isKnown() ? 1 : 0);
		assertThat(this.rows.channels(dataId)).as("rows of channels and chunks").isEqualTo(stream.rows());
	}

	@Override
	public void close() throws SQLException {
		this.rows.close();
	}

	/**
	 * Where service and model differ.
	 *
	 * @param history the history
	 * @param step the number of the step, from 1
	 * @param cause what differs
	 */
	record Difference(History history, int step, Throwable cause) {

		@Override
		public String toString() {
			return "step " + this.step + " of " + this.history + "\n" + this.cause.getMessage();
		}

	}

}
