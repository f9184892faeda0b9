package io.metrology.ingest;

import java.util.List;

import io.metrology.http.ProblemException;
import org.jspecify.annotations.Nullable;

/**
 * What became of a submission: it was stored, or refused for a reason that lies in what
 * is stored already.
 *
 * @param receipts one for each chunk, in the submission's order; empty where refused
 * @param refusal why nothing of it was stored, or null
 */
record WriteResult(List<ChunkReceipt> receipts, @Nullable ProblemException refusal) {

	static WriteResult stored(List<ChunkReceipt> receipts) {
		return new WriteResult(receipts, null);
	}

	static WriteResult refused(ProblemException refusal) {
		return new WriteResult(List.of(), refusal);
	}

	/** The receipts, or the refusal thrown. */
	List<ChunkReceipt> receiptsOrThrow() {
		if (this.refusal != null) {
			throw this.refusal;
		}
		return this.receipts;
	}

}
