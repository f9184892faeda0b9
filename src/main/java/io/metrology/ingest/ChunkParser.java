package io.metrology.ingest;

import java.util.Set;

import io.metrology.http.ErrorCode;
import io.metrology.http.Faults;
import io.metrology.http.ProblemException;
import io.metrology.http.RequestFields;
import io.metrology.http.RequestReader;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

import org.springframework.stereotype.Component;

/**
 * Reads a chunk from the bytes of its request, the numbers straight into
 * {@code double[]}, and checks every rule of the contract that needs no database.
 */
@Component
class ChunkParser {

	private static final Set<String> SCALARS = Set.of("data_id", "channel_name", "chunk_index", "units");

	private final RequestReader requests;

	private final IngestProperties properties;

	ChunkParser(RequestReader requests, IngestProperties properties) {
		this.requests = requests;
		this.properties = properties;
	}

	/**
	 * Reads a chunk.
	 * @throws ProblemException {@code malformed_json}, {@code invalid_request},
	 * {@code timestamp_out_of_range} or {@code too_many_points}, with every fault found
	 */
	Chunk parse(byte[] body) {
		ChunkRequest plain = PlainChunkReader.read(body, this.properties.maxPoints());
		return (plain != null) ? plain.toChunk() : parseExactly(body);
	}

	/** Reads any chunk, and notes every fault. */
	Chunk parseExactly(byte[] body) {
		Faults faults = new Faults();
		ChunkRequest request;
		try (JsonParser json = RequestReader.parser(body)) {
			request = read(json, faults);
		}
		catch (JacksonException ex) {
			throw RequestReader.malformed(ex);
		}
		this.requests.validate(request, faults);
		faults.throwIfAny(request.subject());
		return request.toChunk();
	}

	private ChunkRequest read(JsonParser json, Faults faults) {
		requireObject(json);
		ObjectNode scalars = JsonNodeFactory.instance.objectNode();
		SampleArrays samples = new SampleArrays("", this.properties.maxPoints(), faults);
		while (json.nextToken() != JsonToken.END_OBJECT) {
			String name = json.currentName();
			json.nextToken();
			if (!samples.read(name, json)) {
				readScalar(name, json, SCALARS, scalars);
			}
		}
		requireEnd(json);
		RequestFields fields = new RequestFields(scalars, "", faults);
		ChunkRequest request = new ChunkRequest(fields.uuid("data_id"), fields.text("channel_name"),
				fields.integer("chunk_index", 0, Integer.MAX_VALUE), samples.timestamps(), samples.values(),
				fields.text("units"));
		samples.check(request.subject());
		return request;
	}

	/** Keeps a field if it is one of those wanted, and passes over it otherwise. */
	static void readScalar(String name, JsonParser json, Set<String> wanted, ObjectNode scalars) {
		if (!wanted.contains(name)) {
			json.skipChildren();
		}
		else if (json.currentToken().isStructStart()) {
			json.skipChildren();
			scalars.putObject(name);
		}
		else {
			scalars.set(name, scalar(json));
		}
	}

	private static JsonNode scalar(JsonParser json) {
		JsonNodeFactory nodes = JsonNodeFactory.instance;
		return switch (json.currentToken()) {
			case VALUE_STRING -> nodes.stringNode(json.getString());
			case VALUE_NUMBER_INT -> nodes.numberNode(json.getBigIntegerValue());
			// A double would round 3.00000000000000000001 to a whole number.
			case VALUE_NUMBER_FLOAT ->
				json.isNaN() ? nodes.numberNode(json.getDoubleValue()) : nodes.numberNode(RequestReader.decimal(json));
			case VALUE_TRUE, VALUE_FALSE -> nodes.booleanNode(json.getBooleanValue());
			default -> nodes.nullNode();
		};
	}

	static void requireObject(JsonParser json) {
		if (json.nextToken() != JsonToken.START_OBJECT) {
			boolean empty = json.currentToken() == null;
			json.skipChildren();
			requireEnd(json);
			throw RequestReader.notAnObject(empty);
		}
	}

	static void requireEnd(JsonParser json) {
		@Nullable JsonToken next = json.nextToken();
		if (next != null) {
			throw new ProblemException(ErrorCode.MALFORMED_JSON,
					"The body goes on after the end of its JSON value, at line "
							+ json.currentTokenLocation().getLineNr() + ", column "
							+ json.currentTokenLocation().getColumnNr() + ".");
		}
	}

}
