package io.metrology.ingest;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import io.metrology.http.Fault;
import io.metrology.http.Faults;
import io.metrology.http.ProblemException;
import io.metrology.http.RequestFields;
import io.metrology.http.RequestReader;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

import org.springframework.stereotype.Component;

/**
 * Reads a chunk for each of several channels from the bytes of one request, by the same
 * rules as {@link ChunkParser}. Pointers name the channel:
 * {@code /channels/temp/values/3}.
 */
@Component
class MultiChunkParser {

	private static final Set<String> SCALARS = Set.of("data_id", "chunk_index");

	private static final Set<String> CHANNEL_SCALARS = Set.of("units");

	private final RequestReader requests;

	private final IngestProperties properties;

	MultiChunkParser(RequestReader requests, IngestProperties properties) {
		this.requests = requests;
		this.properties = properties;
	}

	/**
	 * Reads the chunks, in the request's order.
	 * @throws ProblemException {@code malformed_json}, {@code invalid_request},
	 * {@code timestamp_out_of_range} or {@code too_many_points}, with every fault found
	 */
	List<Chunk> parse(byte[] body) {
		Faults faults = new Faults();
		try (JsonParser json = RequestReader.parser(body)) {
			return read(json, faults);
		}
		catch (JacksonException ex) {
			throw RequestReader.malformed(ex);
		}
	}

	private List<Chunk> read(JsonParser json, Faults faults) {
		ChunkParser.requireObject(json);
		ObjectNode scalars = JsonNodeFactory.instance.objectNode();
		List<ChannelSamples> channels = null;
		while (json.nextToken() != JsonToken.END_OBJECT) {
			String name = json.currentName();
			JsonToken value = json.nextToken();
			if (name.equals("channels") && value != JsonToken.VALUE_NULL) {
				channels = readChannels(json, faults);
			}
			else {
				ChunkParser.readScalar(name, json, SCALARS, scalars);
			}
		}
		ChunkParser.requireEnd(json);
		return chunks(new RequestFields(scalars, "", faults), channels, faults);
	}

	private List<ChannelSamples> readChannels(JsonParser json, Faults faults) {
		List<ChannelSamples> channels = new ArrayList<>();
		if (json.currentToken() != JsonToken.START_OBJECT) {
			faults.add("/channels", "channels must be an object with a chunk for each channel", null);
			json.skipChildren();
			return channels;
		}
		while (json.nextToken() != JsonToken.END_OBJECT) {
			String name = json.currentName();
			json.nextToken();
			channels.add(readChannel(name, json, faults));
		}
		if (channels.isEmpty()) {
			faults.add("/channels", "channels must not be empty", null);
		}
		if (channels.size() > this.properties.maxChannels()) {
			faults.add("/channels", "channels may be " + this.properties.maxChannels()
					+ " at most in one request (metrology.ingest.max-channels), not " + channels.size(), null);
		}
		return channels;
	}

	private ChannelSamples readChannel(String channelName, JsonParser json, Faults faults) {
		String pointer = "/channels/" + Fault.escape(channelName);
		SampleArrays samples = new SampleArrays(pointer, this.properties.maxPoints(), faults);
		ObjectNode scalars = JsonNodeFactory.instance.objectNode();
		if (json.currentToken() != JsonToken.START_OBJECT) {
			faults.add(pointer, pointer + " must be an object with timestamps and values", null);
			json.skipChildren();
			return new ChannelSamples(channelName, pointer, samples, null);
		}
		while (json.nextToken() != JsonToken.END_OBJECT) {
			String name = json.currentName();
			json.nextToken();
			if (!samples.read(name, json)) {
				ChunkParser.readScalar(name, json, CHANNEL_SCALARS, scalars);
			}
		}
		return new ChannelSamples(channelName, pointer, samples,
				new RequestFields(scalars, pointer, faults).text("units"));
	}

	private List<Chunk> chunks(RequestFields fields, @Nullable List<ChannelSamples> channels, Faults faults) {
		ChunkRequest common = new ChunkRequest(fields.uuid("data_id"), null,
				fields.integer("chunk_index", 0, Integer.MAX_VALUE), null, null, null);
		this.requests.validate(ChunkRequest.class, "dataId", common.dataId(), "/data_id", "data_id", faults);
		this.requests.validate(ChunkRequest.class, "chunkIndex", common.chunkIndex(), "/chunk_index", "chunk_index",
				faults);
		if (channels == null) {
			faults.add("/channels", "channels is required", null);
			channels = List.of();
		}
		List<ChunkRequest> requests = channels.stream().map((channel) -> request(common, channel, faults)).toList();
		faults.throwIfAny(common.subject());
		return requests.stream().map(ChunkRequest::toChunk).toList();
	}

	private ChunkRequest request(ChunkRequest common, ChannelSamples channel, Faults faults) {
		ChunkRequest request = new ChunkRequest(common.dataId(), channel.name(), common.chunkIndex(),
				channel.samples().timestamps(), channel.samples().values(), channel.units());
		channel.samples().check(request.subject());
		String pointer = channel.pointer();
		validate("channelName", channel.name(), pointer, faults);
		validate("timestamps", request.timestamps(), pointer + "/timestamps", faults);
		validate("values", request.values(), pointer + "/values", faults);
		validate("units", request.units(), pointer + "/units", faults);
		return request;
	}

	private void validate(String component, @Nullable Object value, String pointer, Faults faults) {
		this.requests.validate(ChunkRequest.class, component, value, pointer, pointer, faults);
	}

	/**
	 * A channel as it was read.
	 *
	 * @param name its name
	 * @param pointer the JSON Pointer to it
	 * @param samples its arrays
	 * @param units its units, or null where not said
	 */
	private record ChannelSamples(String name, String pointer, SampleArrays samples, @Nullable String units) {

	}

}
