package io.metrology.refusals;

import java.util.UUID;

import io.metrology.http.Caller;
import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import io.metrology.http.load.RequestDeadline;
import io.metrology.http.Sqlstate;
import io.metrology.ingest.ChunkResend;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.dao.DataAccessException;
import org.springframework.stereotype.Service;
import org.springframework.transaction.TransactionException;

/**
 * Resends recorded chunks: first the chunk is stored, then its record is removed. After a
 * crash between the two the record is still there, and a second resend is
 * {@code unchanged}.
 */
@Service
class ResendService {

	private static final Logger log = LoggerFactory.getLogger(ResendService.class);

	private final RefusalCatalog catalog;

	private final RefusalRecorder recorder;

	private final ChunkResend chunks;

	ResendService(RefusalCatalog catalog, RefusalRecorder recorder, ChunkResend chunks) {
		this.catalog = catalog;
		this.recorder = recorder;
		this.chunks = chunks;
	}

	/**
	 * Stores the body of a record, then removes the record.
	 * @param correction changes or replaces the recorded body first, or null
	 * @param replacing whether to replace content that was stored after the refusal
	 * @throws ProblemException {@code not_found}, {@code refusal_without_body},
	 * {@code chunk_newer}, and every error of a chunk. The record stays as it is
	 */
	ChunkResend.Answer resend(UUID id, @Nullable Correction correction, boolean replacing, Caller caller,
			RequestDeadline deadline) {
		Refusal refusal = find(id);
		ChunkResend.Answer answer = this.chunks.store(body(refusal, correction), refusal.form(),
				replacing ? null : refusal.lastReceivedAt(), caller, deadline);
		log.info("Stored refused chunk {} (data_id {}, {}) by a resend with {}", id, refusal.dataId(), refusal.code(),
				caller);
		remove(id);
		return answer;
	}

	/**
	 * Finds a record.
	 * @throws ProblemException {@code not_found}
	 */
	Refusal find(UUID id) {
		return this.catalog.find(id).orElseThrow(() -> notFound(id));
	}

	/**
	 * Deletes a record.
	 * @throws ProblemException {@code not_found}
	 */
	void delete(UUID id, Caller caller) {
		if (!this.catalog.delete(id)) {
			throw notFound(id);
		}
		this.recorder.forget(id);
		log.info("Deleted the record of refused chunk {}, asked with {}", id, caller);
	}

	static ProblemException notFound(UUID id) {
		return new ProblemException(ErrorCode.NOT_FOUND, "No refused chunk is recorded under this id (id " + id
				+ "); it may have been resent, deleted or too old.");
	}

	static ProblemException withoutBody(Refusal refusal) {
		return new ProblemException(ErrorCode.REFUSAL_WITHOUT_BODY, "The body was too long to be recorded ("
				+ refusal.bodyBytes() + " bytes, metrology.refusals.max-body); send the chunk itself again.");
	}

	private byte[] body(Refusal refusal, @Nullable Correction correction) {
		if (correction != null && correction.replacesBody()) {
			return correction.body();
		}
		if (!refusal.hasBody()) {
			throw withoutBody(refusal);
		}
		if (refusal.contentEncoding() != null) {
			throw new ProblemException(ErrorCode.INVALID_REQUEST, "The recorded body could not be decompressed ("
					+ refusal.contentEncoding() + "); resend it with a body of type application/json.");
		}
		byte[] recorded = this.catalog.slice(refusal.id(), 0, (int) refusal.bodyBytes())
			.orElseThrow(() -> notFound(refusal.id()));
		return (correction != null) ? MergePatch.apply(recorded, correction.body()) : recorded;
	}

	/** The chunk is stored, so the answer is the same if this fails. */
	private void remove(UUID id) {
		try {
			this.catalog.delete(id);
			this.recorder.forget(id);
		}
		catch (DataAccessException | TransactionException ex) {
			log.warn("The record of refused chunk {} was resent, but could not be removed ({})", id, Sqlstate.of(ex));
		}
	}

	/**
	 * What changes a recorded body before it is resent.
	 *
	 * @param body a JSON Merge Patch, or the new body
	 * @param replacesBody whether it is the new body
	 */
	record Correction(byte[] body, boolean replacesBody) {

	}

}
