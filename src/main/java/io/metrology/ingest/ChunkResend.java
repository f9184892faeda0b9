package io.metrology.ingest;

import java.io.ByteArrayOutputStream;
import java.time.Instant;
import java.util.List;

import io.metrology.http.Caller;
import io.metrology.http.ProblemException;
import io.metrology.http.RequestReader;
import io.metrology.http.load.RequestDeadline;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;

import org.springframework.stereotype.Service;

/**
 * Stores the body of a refused request. All rules of a chunk hold, except that a
 * finalized stream also takes it.
 */
@Service
public class ChunkResend {

	private final ChunkParser parser;

	private final MultiChunkParser multiParser;

	private final ChunkService service;

	ChunkResend(ChunkParser parser, MultiChunkParser multiParser, ChunkService service) {
		this.parser = parser;
		this.multiParser = multiParser;
		this.service = service;
	}

	/**
	 * Stores a body. It is committed and flushed when this returns.
	 * @param body the JSON, decompressed
	 * @param form how the body holds its chunks
	 * @param receivedAt when the refused request was received last, by the clock of the
	 * database: content that was stored later is not replaced. Null replaces any content
	 * @throws ProblemException every error of a chunk, except {@code stream_finalized},
	 * and {@code chunk_newer}
	 */
	public Answer store(byte[] body, Form form, @Nullable Instant receivedAt, Caller caller, RequestDeadline deadline) {
		Submission submission = (form == Form.MULTI) ? Submission.ofChannels(this.multiParser.parse(body), caller)
				: Submission.of(this.parser.parse(body), caller);
		return Answer.of(form, this.service.ingest(submission.as(new Submission.Resend(receivedAt)), deadline));
	}

	/** How a body holds its chunks. */
	public enum Form {

		/** As the body of {@code /stream/chunk}. */
		CHUNK,
		/** As the body of {@code /stream/chunk/multi}. */
		MULTI

	}

	/**
	 * The answer to a stored chunk.
	 *
	 * @param body the JSON
	 * @param outcome {@code created}, {@code replaced} or {@code unchanged}, null for
	 * several channels
	 * @param hash the content hash in hexadecimal, null for several channels
	 */
	public record Answer(byte[] body, @Nullable String outcome, @Nullable String hash) {

		private static Answer of(Form form, List<ChunkReceipt> receipts) {
			ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
			try (JsonGenerator json = RequestReader.JSON.createGenerator(bytes)) {
				if (form == Form.MULTI) {
					json.writeStartArray();
				}
				receipts.forEach((receipt) -> receipt.writeTo(json));
				if (form == Form.MULTI) {
					json.writeEndArray();
				}
			}
			ChunkReceipt first = receipts.get(0);
			return (form == Form.MULTI) ? new Answer(bytes.toByteArray(), null, null)
					: new Answer(bytes.toByteArray(), first.outcome().label(), first.hash());
		}

	}

}
