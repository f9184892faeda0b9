package io.metrology.http.load;

import java.time.Duration;
import java.util.OptionalLong;

/** The requests that have arrived and have no thread yet. */
public interface WaitingRequests {

	/**
	 * Returns when the oldest waiting request arrived, by {@link System#nanoTime}, or
	 * nothing if no request waits.
	 */
	default OptionalLong oldestArrival() {
		return oldestArrival(Duration.ofDays(1));
	}

	/**
	 * Returns when the oldest request arrived that has waited for a shorter time.
	 * @param wait requests that have waited for longer are left out
	 */
	OptionalLong oldestArrival(Duration wait);

}
