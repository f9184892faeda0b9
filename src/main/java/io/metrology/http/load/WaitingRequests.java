package io.metrology.http.load;

import java.util.OptionalLong;

/** The requests that have arrived and have no thread yet. */
public interface WaitingRequests {

	/**
	 * Returns when the oldest waiting request arrived, by {@link System#nanoTime}, or
	 * nothing if no request waits.
	 */
	OptionalLong oldestArrival();

}
