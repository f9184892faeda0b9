package io.metrology.ingest;

import java.time.Instant;
import java.util.List;

import io.metrology.http.Caller;
import io.metrology.http.Fault;
import org.jspecify.annotations.Nullable;

/**
 * The chunks of one request: all of them are stored, or none.
 *
 * @param chunks at least one; no two have the same key
 * @param form how the request holds them
 * @param caller who sent it
 * @param resend what it may do as the resend of a recorded chunk, or null for any other
 * request
 */
record Submission(List<Chunk> chunks, Form form, Caller caller, @Nullable Resend resend) {

	Submission {
		chunks = List.copyOf(chunks);
	}

	/** A request that is a chunk. */
	static Submission of(Chunk chunk, Caller caller) {
		return new Submission(List.of(chunk), Form.CHUNK, caller, null);
	}

	/** A request that holds a chunk for each of several channels. */
	static Submission ofChannels(List<Chunk> chunks, Caller caller) {
		return new Submission(chunks, Form.CHANNELS, caller, null);
	}

	/** The same chunks, sent again from a record of refused chunks. */
	Submission as(Resend resend) {
		return new Submission(this.chunks, this.form, this.caller, resend);
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

	/**
	 * The permissions of a resend. It may store into a finalized stream. The stored state
	 * decides it under the locks of the channels, never a cached one.
	 *
	 * @param receivedAt when the refused chunk was received last, by the clock of the
	 * database. Content that was stored later is not replaced. Null replaces any content
	 */
	record Resend(@Nullable Instant receivedAt) {

		/** Returns whether stored content must not be replaced. */
		boolean isOlderThan(Instant storedAt) {
			return this.receivedAt != null && storedAt.isAfter(this.receivedAt);
		}

	}

}
