package io.metrology.ingest;

import java.util.List;

/**
 * The chunks of one request: all of them are stored, or none.
 *
 * @param chunks at least one; no two have the same key
 */
record Submission(List<Chunk> chunks) {

	Submission {
		chunks = List.copyOf(chunks);
	}

	static Submission of(Chunk chunk) {
		return new Submission(List.of(chunk));
	}

}
