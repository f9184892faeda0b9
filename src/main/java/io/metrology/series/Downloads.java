package io.metrology.series;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import io.metrology.http.load.AsyncPermits;
import io.metrology.http.load.AsyncRequests;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.http.CacheControl;
import org.springframework.http.ContentDisposition;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import org.springframework.web.context.request.ServletWebRequest;

/**
 * Writes the answers that may be long and clients that may be slow: only so many at a
 * time, so that they never take all of the server's threads and memory from the chunks.
 */
@Component
class Downloads {

	private static final Duration RETRY_AFTER = Duration.ofSeconds(5);

	private final AsyncPermits slots;

	private final SeriesProperties properties;

	Downloads(SeriesProperties properties, AsyncRequests requests) {
		this.properties = properties;
		this.slots = requests.permits("downloads", properties.maxDownloads());
	}

	/**
	 * Answers with what the content writes, or with 304 if the client has it already. If
	 * too many downloads are being written, the request waits without its thread, and
	 * comes again.
	 * @param fileName the name under which a browser saves it, or null to show it
	 * @throws ProblemException {@code overloaded} if it waited until its deadline
	 */
	void write(HttpServletRequest request, HttpServletResponse response, MediaType type, String entityTag,
			@Nullable String fileName, Content content) throws IOException {
		switch (this.slots.acquire(request, response, 1)) {
			case WAITING -> {
				return;
			}
			case EXPIRED ->
				throw new ProblemException(ErrorCode.OVERLOADED,
						"The service is writing " + this.properties.maxDownloads()
								+ " series already (metrology.series.max-downloads). Try again.")
					.retryAfter(RETRY_AFTER);
			case GRANTED -> {
				// Write.
			}
		}
		try {
			if (begin(request, response, type, entityTag, fileName)) {
				content.writeTo(response.getOutputStream());
			}
		}
		catch (RuntimeException ex) {
			// The headers are those of the answer, not of the error that takes its place.
			response.setHeader(HttpHeaders.CONTENT_DISPOSITION, null);
			response.setHeader(HttpHeaders.ETAG, null);
			throw ex;
		}
		finally {
			this.slots.release(request);
		}
	}

	/** Sets the headers, and says whether a body follows. */
	private static boolean begin(HttpServletRequest request, HttpServletResponse response, MediaType type,
			String entityTag, @Nullable String fileName) {
		// Each use asks whether it is still so.
		response.setHeader(HttpHeaders.CACHE_CONTROL, CacheControl.noCache().getHeaderValue());
		response.setHeader(HttpHeaders.VARY, HttpHeaders.ACCEPT);
		if (new ServletWebRequest(request, response).checkNotModified(entityTag)) {
			return false;
		}
		response.setContentType(type.toString());
		if (fileName != null) {
			response.setHeader(HttpHeaders.CONTENT_DISPOSITION,
					ContentDisposition.attachment().filename(fileName, StandardCharsets.UTF_8).build().toString());
		}
		return !HttpMethod.HEAD.matches(request.getMethod());
	}

	/** What an answer consists of. */
	@FunctionalInterface
	interface Content {

		void writeTo(OutputStream out) throws IOException;

	}

}
