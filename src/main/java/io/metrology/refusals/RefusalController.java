package io.metrology.refusals;

import java.io.IOException;
import java.time.Duration;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;

import io.metrology.http.BodyReader;
import io.metrology.http.Caller;
import io.metrology.http.ErrorCode;
import io.metrology.http.Fault;
import io.metrology.http.PathId;
import io.metrology.http.ProblemException;
import io.metrology.http.QueryParameters;
import io.metrology.http.load.AsyncPermits;
import io.metrology.http.load.AsyncRequests;
import io.metrology.http.load.RequestDeadline;
import io.metrology.ingest.ChunkResend;
import io.metrology.refusals.ResendService.Correction;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.http.ContentDisposition;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/** Records of refused chunks over HTTP. */
@RestController
@RequestMapping({ "/metrology/refusals", "/tool-state/refusals" })
class RefusalController {

	private static final int MAX_LISTED = 1000;

	private static final int DEFAULT_LISTED = 100;

	/** How many recorded bodies are resent at once. Others wait without a thread. */
	private static final int MAX_RESENDS = 2;

	private static final Duration RETRY_AFTER = Duration.ofSeconds(5);

	/** Bytes of a body that are in memory at once. */
	private static final int SLICE = 256 * 1024;

	private static final MediaType MERGE_PATCH = MediaType.valueOf("application/merge-patch+json");

	private static final Pattern UUID_FORM = Pattern
		.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}");

	private final RefusalCatalog catalog;

	private final ResendService service;

	private final BodyReader bodies;

	private final AsyncPermits places;

	RefusalController(RefusalCatalog catalog, ResendService service, BodyReader bodies, AsyncRequests requests) {
		this.catalog = catalog;
		this.service = service;
		this.bodies = bodies;
		this.places = requests.permits("resend", MAX_RESENDS);
	}

	/**
	 * Lists records, newest first. Parameters of the query: {@code data_id} and
	 * {@code code} of the records, {@code limit} (1 to 1000), and {@code cursor}, the
	 * {@code next_cursor} of the answer before.
	 */
	@GetMapping(produces = MediaType.APPLICATION_JSON_VALUE)
	Page list(HttpServletRequest request) {
		QueryParameters parameters = QueryParameters.of(request);
		Long given = parameters.integer("limit", 1, MAX_LISTED);
		int limit = (given != null) ? given.intValue() : DEFAULT_LISTED;
		String cursor = parameters.text("cursor");
		List<Refusal> found = this.catalog.page(dataId(parameters), code(parameters),
				(cursor != null) ? RefusalCursor.decode(cursor) : null, limit + 1);
		boolean more = found.size() > limit;
		List<Refusal> page = more ? found.subList(0, limit) : found;
		return new Page(page, more ? RefusalCursor.after(page.get(limit - 1)).encode() : null);
	}

	/** Shows one record. */
	@GetMapping(path = "/" + PathId.REFUSAL_ID, produces = MediaType.APPLICATION_JSON_VALUE)
	Refusal show(@PathVariable UUID id) {
		return this.service.find(id);
	}

	/**
	 * Downloads the body of a record. A browser never shows it, because anything may be
	 * in it.
	 */
	@GetMapping(path = "/" + PathId.REFUSAL_ID + "/body", produces = MediaType.APPLICATION_OCTET_STREAM_VALUE)
	void download(@PathVariable UUID id, HttpServletRequest request, HttpServletResponse response) throws IOException {
		Refusal refusal = this.service.find(id);
		if (!refusal.hasBody()) {
			throw ResendService.withoutBody(refusal);
		}
		byte[] first = slice(id, 0);
		response.setContentType(MediaType.APPLICATION_OCTET_STREAM_VALUE);
		response.setHeader(HttpHeaders.CONTENT_DISPOSITION,
				ContentDisposition.attachment().filename("refusal-" + id).build().toString());
		response.setContentLengthLong(refusal.bodyBytes());
		if (HttpMethod.HEAD.matches(request.getMethod())) {
			return;
		}
		OutputStream out = response.getOutputStream();
		out.write(first);
		for (int offset = first.length; offset < refusal.bodyBytes(); offset += SLICE) {
			out.write(slice(id, offset));
		}
	}

	private byte[] slice(UUID id, int offset) {
		return this.catalog.slice(id, offset, SLICE).orElseThrow(() -> ResendService.notFound(id));
	}

	/**
	 * Sends a recorded chunk again. The optional body corrects it first: a merge patch
	 * ({@code application/merge-patch+json}) or a new body ({@code application/json}).
	 * With {@code replace=true} it also replaces content that was stored later. Answers
	 * 201 with the answer of the chunk.
	 */
	@PostMapping(path = "/" + PathId.REFUSAL_ID + "/resend", produces = MediaType.APPLICATION_JSON_VALUE)
	void resend(@PathVariable UUID id, HttpServletRequest request, HttpServletResponse response) throws IOException {
		boolean replacing = QueryParameters.of(request).isSet("replace");
		switch (this.places.acquire(request, response, 1)) {
			case WAITING -> {
				return;
			}
			case EXPIRED -> throw new ProblemException(ErrorCode.OVERLOADED,
					"Other refused chunks are being resent. Resend this one again (id " + id + ").")
				.retryAfter(RETRY_AFTER);
			case GRANTED -> {
				// Resend.
			}
		}
		try {
			resend(id, replacing, request, response);
		}
		finally {
			this.places.release(request);
		}
	}

	private void resend(UUID id, boolean replacing, HttpServletRequest request, HttpServletResponse response)
			throws IOException {
		ChunkResend.Answer answer = this.service.resend(id, correction(request), replacing, Caller.of(request),
				RequestDeadline.of(request));
		if (answer.outcome() != null && answer.hash() != null) {
			response.setHeader("Chunk-Outcome", answer.outcome());
			response.setHeader("Chunk-Hash", answer.hash());
		}
		response.setStatus(HttpStatus.CREATED.value());
		response.setContentType(MediaType.APPLICATION_JSON_VALUE);
		response.setContentLength(answer.body().length);
		response.getOutputStream().write(answer.body());
	}

	private @Nullable Correction correction(HttpServletRequest request) throws IOException {
		byte[] body = this.bodies.read(request);
		if (body.length == 0) {
			return null;
		}
		String type = request.getContentType();
		MediaType sent = (type != null) ? MediaType.parseMediaType(type) : null;
		if (MERGE_PATCH.equalsTypeAndSubtype(sent)) {
			return new Correction(body, false);
		}
		if (MediaType.APPLICATION_JSON.equalsTypeAndSubtype(sent)) {
			return new Correction(body, true);
		}
		throw new ProblemException(ErrorCode.UNSUPPORTED_MEDIA_TYPE,
				"The body must have the header Content-Type: application/merge-patch+json, which changes the recorded "
						+ "body, or application/json, which replaces it, not "
						+ ((type != null) ? Fault.shown(type) : "none") + ".");
	}

	/** Deletes a record. */
	@DeleteMapping("/" + PathId.REFUSAL_ID)
	@ResponseStatus(HttpStatus.NO_CONTENT)
	void delete(@PathVariable UUID id, HttpServletRequest request) {
		this.service.delete(id, Caller.of(request));
	}

	private static @Nullable UUID dataId(QueryParameters parameters) {
		String text = parameters.text("data_id");
		if (text != null && !UUID_FORM.matcher(text).matches()) {
			throw QueryParameters.fault("data_id", "must be a UUID in its 36-character form", text);
		}
		return (text != null) ? UUID.fromString(text) : null;
	}

	private static @Nullable String code(QueryParameters parameters) {
		String code = parameters.text("code");
		if (code != null && Arrays.stream(ErrorCode.values()).noneMatch((known) -> known.code().equals(code))) {
			throw QueryParameters.fault("code", "must be a code of the errors", code);
		}
		return code;
	}

	/**
	 * A part of the list of records.
	 *
	 * @param refusals the records, newest first
	 * @param nextCursor what to ask for the next part with, or null at the end
	 */
	record Page(List<Refusal> refusals, @Nullable String nextCursor) {

	}

}
