package io.metrology.stream;

import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;

import io.metrology.http.ErrorCode;
import io.metrology.http.Fault;
import io.metrology.http.ProblemException;

/**
 * A place in the list of streams: that of the last one seen. Opaque to clients.
 *
 * @param createdAt when that stream was made
 * @param dataId that stream
 */
record StreamCursor(Instant createdAt, UUID dataId) {

	private static final Pattern YEAR = Pattern.compile("\\d{4}-");

	static StreamCursor after(StreamSummary stream) {
		return new StreamCursor(stream.createdAt(), stream.dataId());
	}

	/** Reads what {@link #encode} gave. */
	static StreamCursor decode(String cursor) {
		try {
			String[] parts = new String(Base64.getUrlDecoder().decode(cursor), StandardCharsets.US_ASCII).split(" ", 2);
			if (YEAR.matcher(parts[0]).lookingAt()) {
				return new StreamCursor(Instant.parse(parts[0]), UUID.fromString(parts[1]));
			}
		}
		catch (IllegalArgumentException | DateTimeException | ArrayIndexOutOfBoundsException ex) {
			// It is refused, as one of a year that PostgreSQL cannot hold.
		}
		throw new ProblemException(ErrorCode.INVALID_REQUEST, "The cursor is not one that this list gave.")
			.with(List.of(Fault.inParameter("cursor", "cursor must be a next_cursor of this list", cursor)));
	}

	String encode() {
		return Base64.getUrlEncoder()
			.withoutPadding()
			.encodeToString((this.createdAt + " " + this.dataId).getBytes(StandardCharsets.US_ASCII));
	}

}
