package io.metrology.stream;

import java.time.Instant;

/**
 * One reading of the clock of the database, for converting times of
 * {@link System#nanoTime}. The database read its clock between the two local times, so a
 * converted time is known only within these bounds. Times a few seconds away from the
 * reading are exact to well below a millisecond beyond that.
 *
 * @param time the time of the database
 * @param before the local time when the query was sent
 * @param after the local time when the answer arrived
 */
record DatabaseClock(Instant time, long before, long after) {

	/** Returns a time of the database that is not after the local time. */
	Instant earliest(long nanoTime) {
		return this.time.plusNanos(nanoTime - this.after);
	}

	/** Returns a time of the database that is not before the local time. */
	Instant latest(long nanoTime) {
		return this.time.plusNanos(nanoTime - this.before);
	}

}
