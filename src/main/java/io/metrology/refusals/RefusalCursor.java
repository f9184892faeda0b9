package io.metrology.refusals;

import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Base64;
import java.util.UUID;
import java.util.regex.Pattern;

import io.metrology.http.ProblemException;
import io.metrology.http.QueryParameters;

/**
 * A place in the list of records: that of the last one seen. Opaque to clients.
 *
 * @param firstReceivedAt when that record was made
 * @param id that record
 */
record RefusalCursor(Instant firstReceivedAt, UUID id) {

	/** PostgreSQL cannot hold all the years that Java reads. */
	private static final Pattern YEAR = Pattern.compile("\\d{4}-");

	static RefusalCursor after(Refusal refusal) {
		return new RefusalCursor(refusal.firstReceivedAt(), refusal.id());
	}

	/**
	 * Reads what {@link #encode} gave.
	 * @throws ProblemException {@code invalid_request}
	 */
	static RefusalCursor decode(String cursor) {
		try {
			String[] parts = new String(Base64.getUrlDecoder().decode(cursor), StandardCharsets.US_ASCII).split(" ", 2);
			if (YEAR.matcher(parts[0]).lookingAt()) {
				return new RefusalCursor(Instant.parse(parts[0]), UUID.fromString(parts[1]));
			}
		}
		catch (IllegalArgumentException | DateTimeException | ArrayIndexOutOfBoundsException ex) {
			// The cursor is refused.
		}
		throw QueryParameters.fault("cursor", "must be a next_cursor of this list", cursor);
	}

	String encode() {
		return Base64.getUrlEncoder()
			.withoutPadding()
			.encodeToString((this.firstReceivedAt + " " + this.id).getBytes(StandardCharsets.US_ASCII));
	}

}
