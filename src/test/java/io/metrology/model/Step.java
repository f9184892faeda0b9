package io.metrology.model;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.TestService;

/**
 * One request of a history. A step knows nothing of those before it, so that any of them
 * can be left out of a history that fails.
 */
sealed interface Step {

	/** Sends the request. */
	Answer send(TestService service, UUID dataId);

	/** Applies the request to the model, and says what must be answered. */
	Expected apply(ModelStream stream);

	/** A chunk that keeps every rule that can be checked without the database. */
	record Ingest(String path, String channel, int index, List<Double> timestamps, List<Double> values, String units,
			boolean validateOnly) implements Step {

		@Override
		public Answer send(TestService service, UUID dataId) {
			return service.post(this.path + "/stream/chunk" + (this.validateOnly ? "?validate_only=true" : ""),
					Chunks.of(dataId, this.channel, this.index, this.timestamps, this.values, this.units));
		}

		@Override
		public Expected apply(ModelStream stream) {
			return stream.ingest(this);
		}

	}

	/**
	 * A request that is refused before the database is asked.
	 *
	 * @param body the body, with DATA_ID in place of the id
	 * @param status the status that it must get
	 * @param code the error's code
	 */
	record Invalid(String body, int status, String code) implements Step {

		@Override
		public Answer send(TestService service, UUID dataId) {
			return service.postChunk(this.body.replace("DATA_ID", dataId.toString()));
		}

		@Override
		public Expected apply(ModelStream stream) {
			return Expected.refused(this.status, this.code, true);
		}

	}

	/** A correction of a channel's units; null forgets them. */
	record CorrectUnits(String channel, String units) implements Step {

		@Override
		public Answer send(TestService service, UUID dataId) {
			String name = URLEncoder.encode(this.channel, StandardCharsets.UTF_8);
			return service.patch("/metrology/stream/" + dataId + "/channels?channel=" + name,
					"{\"units\": " + ((this.units != null) ? Chunks.text(this.units) : "null") + "}");
		}

		@Override
		public Expected apply(ModelStream stream) {
			return stream.correctUnits(this);
		}

	}

}
