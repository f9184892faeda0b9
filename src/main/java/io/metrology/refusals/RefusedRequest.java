package io.metrology.refusals;

import java.util.List;
import java.util.UUID;

import io.metrology.http.ErrorCode;
import org.jspecify.annotations.Nullable;

/**
 * A refused request, as it is recorded.
 *
 * @param body its body
 * @param reason why it was refused last
 * @param path its path
 * @param query its query, or null
 * @param contentType its {@code Content-Type}, or null
 * @param dataId the stream, or null if the body does not say it
 * @param channelNames the channels that the body names
 * @param chunkIndex the chunk_index, or null if the body does not say it
 */
record RefusedRequest(RefusedBody body, Reason reason, String path, @Nullable String query,
		@Nullable String contentType, @Nullable UUID dataId, List<String> channelNames, @Nullable Integer chunkIndex) {

	/** Returns what the record counts for the limits, in bytes. */
	long sizeBytes() {
		return RefusalProperties.RECORD_BYTES + (this.body.isWhole() ? this.body.length() : 0);
	}

	/**
	 * What one of the same requests says of its refusal.
	 *
	 * @param code the code of the error
	 * @param detail the sentence of the error
	 * @param keyId the API key, or null if it had none
	 * @param requestId the id of the request, or null
	 * @param receivedAt when the request arrived, by {@link System#nanoTime}
	 */
	record Reason(ErrorCode code, String detail, @Nullable UUID keyId, @Nullable String requestId, long receivedAt) {

	}

}
