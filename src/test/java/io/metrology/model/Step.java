package io.metrology.model;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.UUID;

import io.metrology.Answer;
import io.metrology.Chunks;
import io.metrology.TestService;
import tools.jackson.databind.JsonNode;

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

	/** Chunks for several channels in one request. */
	record Multi(String path, int index, SortedMap<String, Samples> channels, boolean validateOnly) implements Step {

		@Override
		public Answer send(TestService service, UUID dataId) {
			List<String> members = new ArrayList<>();
			this.channels.forEach((name, samples) -> members.add(Chunks.text(name) + ": "
					+ Chunks.samples(samples.timestamps(), samples.values(), samples.units())));
			return service.post(this.path + "/stream/chunk/multi" + (this.validateOnly ? "?validate_only=true" : ""),
					Chunks.multi(dataId, this.index, members));
		}

		@Override
		public Expected apply(ModelStream stream) {
			return stream.ingest(this);
		}

		/** Each channel's chunk, in the request's order. */
		List<Ingest> chunks() {
			return this.channels.entrySet()
				.stream()
				.map((channel) -> new Ingest(this.path, channel.getKey(), this.index, channel.getValue().timestamps(),
						channel.getValue().values(), channel.getValue().units(), this.validateOnly))
				.toList();
		}

		/** What a chunk holds. */
		record Samples(List<Double> timestamps, List<Double> values, String units) {

		}

	}

	/** The end of a stream. */
	record Finish(String path, Announced announced) implements Step {

		@Override
		public Answer send(TestService service, UUID dataId) {
			String manifest = switch (this.announced) {
				case NOTHING -> "";
				case WHAT_IS_THERE -> manifest(service.get(this.path + "/stream/" + dataId + "/").json());
				case SOMETHING_ELSE -> "{\"channels\": {\"other\": {\"chunks\": 1, \"total_points\": 5}}}";
			};
			return service.post(this.path + "/stream/" + dataId + "/finalize", manifest);
		}

		/** As a client builds it that asks what is there. */
		private static String manifest(JsonNode description) {
			List<String> members = new ArrayList<>();
			description.path("channels")
				.forEach((channel) -> members.add(Chunks.text(channel.required("channel_name").stringValue())
						+ ": {\"chunks\": " + channel.required("chunk_count") + ", \"total_points\": "
						+ channel.required("total_points") + "}"));
			return "{\"channels\": {" + String.join(", ", members) + "}}";
		}

		@Override
		public Expected apply(ModelStream stream) {
			return stream.finish(this.announced == Announced.SOMETHING_ELSE);
		}

		/** What the manifest says. */
		enum Announced {

			NOTHING, WHAT_IS_THERE, SOMETHING_ELSE

		}

	}

	/** The deletion of a stream. */
	record Delete(String path) implements Step {

		@Override
		public Answer send(TestService service, UUID dataId) {
			return service.delete(this.path + "/stream/" + dataId);
		}

		@Override
		public Expected apply(ModelStream stream) {
			return stream.delete();
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
