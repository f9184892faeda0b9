package io.metrology.http;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;

/**
 * Times in requests: ISO 8601 with an offset. Java reads years that PostgreSQL cannot
 * hold, and that other programs cannot read.
 */
public final class RequestTime {

	private static final int LAST_YEAR = 9999;

	private RequestTime() {
	}

	/**
	 * Reads a time of the years 1 to 9999, UTC, to the microsecond, as PostgreSQL keeps
	 * it.
	 * @throws DateTimeException if it is none
	 */
	public static Instant parse(String text) {
		OffsetDateTime time = OffsetDateTime.parse(text)
			.withOffsetSameInstant(ZoneOffset.UTC)
			.truncatedTo(ChronoUnit.MICROS);
		if (time.getYear() < 1 || time.getYear() > LAST_YEAR) {
			throw new DateTimeException("The year " + time.getYear());
		}
		return time.toInstant();
	}

}
