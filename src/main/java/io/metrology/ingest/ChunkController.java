package io.metrology.ingest;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;

import io.metrology.http.BodyReader;
import io.metrology.http.Caller;
import io.metrology.http.RequestFlag;
import io.metrology.http.RequestReader;
import io.metrology.http.load.RequestDeadline;
import io.metrology.stream.InFlightRequests;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import tools.jackson.core.JsonGenerator;

import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Takes chunks in: parse, submit, answer. */
@RestController
@RequestMapping({ "/metrology/stream/chunk", "/tool-state/stream/chunk" })
class ChunkController {

	private final BodyReader bodies;

	private final ChunkParser parser;

	private final MultiChunkParser multiParser;

	private final ChunkService service;

	ChunkController(BodyReader bodies, ChunkParser parser, MultiChunkParser multiParser, ChunkService service) {
		this.bodies = bodies;
		this.parser = parser;
		this.multiParser = multiParser;
		this.service = service;
	}

	/**
	 * Stores one chunk of one channel. Sending the same
	 * {@code (data_id, channel_name, chunk_index)} again replaces it. With
	 * {@code validate_only=true} everything is checked and nothing is written. Answers
	 * 201 once the chunk is committed and flushed, or 200 where it was only validated.
	 */
	@PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE, produces = MediaType.APPLICATION_JSON_VALUE)
	void ingest(HttpServletRequest http, HttpServletResponse answer) throws IOException {
		boolean validateOnly = RequestFlag.isSet(http, "validate_only");
		Chunk chunk = this.parser.parse(this.bodies.read(http));
		InFlightRequests.isFor(http, chunk.key().dataId());
		ChunkReceipt receipt = store(http, Submission.of(chunk, Caller.of(http)), validateOnly).get(0);
		answer.setHeader("Chunk-Outcome", receipt.outcome().label());
		answer.setHeader("Chunk-Hash", receipt.hash());
		answer(answer, validateOnly, receipt::writeTo);
	}

	/**
	 * Stores a chunk for each of several channels of a stream, all in one transaction, or
	 * none. Answers 201 with one answer for each channel, in the request's order, or 200
	 * where they were only validated.
	 */
	@PostMapping(path = "/multi", consumes = MediaType.APPLICATION_JSON_VALUE,
			produces = MediaType.APPLICATION_JSON_VALUE)
	void ingestMulti(HttpServletRequest http, HttpServletResponse answer) throws IOException {
		boolean validateOnly = RequestFlag.isSet(http, "validate_only");
		List<Chunk> chunks = this.multiParser.parse(this.bodies.read(http));
		InFlightRequests.isFor(http, chunks.get(0).key().dataId());
		List<ChunkReceipt> receipts = store(http, Submission.ofChannels(chunks, Caller.of(http)), validateOnly);
		answer(answer, validateOnly, (json) -> {
			json.writeStartArray();
			receipts.forEach((receipt) -> receipt.writeTo(json));
			json.writeEndArray();
		});
	}

	/**
	 * Whole and with its length, so that it leaves in one packet: what Spring would write
	 * costs more than the parsing of a small chunk.
	 */
	private static void answer(HttpServletResponse answer, boolean validateOnly, Consumer<JsonGenerator> body)
			throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
		try (JsonGenerator json = RequestReader.JSON.createGenerator(bytes)) {
			body.accept(json);
		}
		answer.setStatus((validateOnly ? HttpStatus.OK : HttpStatus.CREATED).value());
		answer.setContentType(MediaType.APPLICATION_JSON_VALUE);
		answer.setContentLength(bytes.size());
		bytes.writeTo(answer.getOutputStream());
	}

	private List<ChunkReceipt> store(HttpServletRequest http, Submission submission, boolean validateOnly) {
		return validateOnly ? this.service.validate(submission)
				: this.service.ingest(submission, RequestDeadline.of(http));
	}

}
