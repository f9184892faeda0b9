package io.metrology.refusals;

import java.time.Instant;
import java.util.List;
import java.util.UUID;

import com.fasterxml.jackson.annotation.JsonIgnore;
import io.metrology.ingest.ChunkResend.Form;
import org.jspecify.annotations.Nullable;

/**
 * The record of a refused request, without its body.
 *
 * @param id its id
 * @param firstReceivedAt when the first of the same requests was received
 * @param lastReceivedAt when the last of the same requests was received
 * @param count the number of the same requests
 * @param code why the last of them was refused
 * @param detail the sentence of that error
 * @param keyId the API key of the last of them, or null
 * @param requestId the id of the last of them
 * @param path the path of the last of them
 * @param query its query, or null
 * @param contentType its {@code Content-Type}, or null
 * @param contentEncoding how the body is compressed if it could not be decompressed, else
 * null
 * @param dataId the stream, or null if the body does not say it
 * @param channelNames the channels that the body names
 * @param chunkIndex the chunk_index, or null if the body does not say it
 * @param bodyBytes the length of the body, in bytes
 * @param hasBody whether the body was kept
 */
record Refusal(UUID id, Instant firstReceivedAt, Instant lastReceivedAt, long count, String code, String detail,
		@Nullable UUID keyId, @Nullable String requestId, String path, @Nullable String query,
		@Nullable String contentType, @Nullable String contentEncoding, @Nullable UUID dataId,
		List<String> channelNames, @Nullable Integer chunkIndex, long bodyBytes, boolean hasBody) {

	/** Returns how the body holds its chunks. */
	@JsonIgnore
	Form form() {
		return this.path.replaceFirst("/$", "").endsWith("/multi") ? Form.MULTI : Form.CHUNK;
	}

}
