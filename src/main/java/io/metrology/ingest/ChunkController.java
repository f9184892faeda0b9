package io.metrology.ingest;

import java.io.IOException;
import java.util.List;

import io.metrology.http.BodyReader;
import io.metrology.http.RequestFlag;
import io.metrology.stream.StreamTraffic;
import jakarta.servlet.http.HttpServletRequest;

import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Takes chunks in: parse, submit, answer. */
@RestController
@RequestMapping({ "/metrology/stream/chunk", "/tool-state/stream/chunk" })
class ChunkController {

	private final BodyReader bodies;

	private final ChunkParser parser;

	private final ChunkService service;

	private final StreamTraffic traffic;

	ChunkController(BodyReader bodies, ChunkParser parser, ChunkService service, StreamTraffic traffic) {
		this.bodies = bodies;
		this.parser = parser;
		this.service = service;
		this.traffic = traffic;
	}

	/**
	 * Stores one chunk of one channel. Sending the same
	 * {@code (data_id, channel_name, chunk_index)} again replaces it. With
	 * {@code validate_only=true} everything is checked and nothing is written.
	 * @return 201 once the chunk is committed and flushed, or 200 where it was only
	 * validated
	 */
	@PostMapping(consumes = MediaType.APPLICATION_JSON_VALUE, produces = MediaType.APPLICATION_JSON_VALUE)
	ResponseEntity<ChunkReceipt.Body> ingest(HttpServletRequest http) throws IOException {
		boolean validateOnly = RequestFlag.isSet(http, "validate_only");
		try (StreamTraffic.Request request = this.traffic.enter()) {
			Chunk chunk = this.parser.parse(this.bodies.read(http));
			request.isFor(chunk.key().dataId());
			ChunkReceipt receipt = store(Submission.of(chunk), validateOnly).get(0);
			return ResponseEntity.status(validateOnly ? HttpStatus.OK : HttpStatus.CREATED)
				.header("Chunk-Outcome", receipt.outcome().label())
				.header("Chunk-Hash", receipt.hash())
				.body(receipt.body());
		}
	}

	private List<ChunkReceipt> store(Submission submission, boolean validateOnly) {
		return validateOnly ? this.service.validate(submission) : this.service.ingest(submission);
	}

}
