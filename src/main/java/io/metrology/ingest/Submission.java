package io.metrology.ingest;

import java.util.List;

import io.metrology.http.Caller;
import io.metrology.http.Fault;

/**
 * The chunks of one request: all of them are stored, or none.
 *
 * @param chunks at least one; no two have the same key
 * @param form how the request holds them
 * @param caller who sent it
 */
record Submission(List<Chunk> chunks, Form form, Caller caller) {

	Submission {
		chunks = List.copyOf(chunks);
	}

	/** A request that is a chunk. */
	static Submission of(Chunk chunk, Caller caller) {
		return new Submission(List.of(chunk), Form.CHUNK, caller);
	}

	/** A request that holds a chunk for each of several channels. */
	static Submission ofChannels(List<Chunk> chunks, Caller caller) {
		return new Submission(chunks, Form.CHANNELS, caller);
	}

	/** The number of points in all chunks together. */
	int points() {
		return this.chunks.stream().mapToInt(Chunk::pointCount).sum();
	}

	/** The JSON Pointer to a chunk in its request. */
	String pointerTo(Chunk chunk) {
		return (this.form == Form.CHUNK) ? "" : "/channels/" + Fault.escape(chunk.key().channelName());
	}

	/** How a request holds its chunks. */
	enum Form {

		/** It is a chunk. */
		CHUNK,
		/** It holds chunks by the names of their channels. */
		CHANNELS

	}

}
