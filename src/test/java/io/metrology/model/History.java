package io.metrology.model;

import java.util.List;
import java.util.stream.Collectors;

/**
 * Requests for one stream, one after the other.
 *
 * @param seed what it was made from
 * @param initialized whether the stream is initialized first, or registered by its first
 * chunk
 * @param steps the requests
 */
record History(long seed, boolean initialized, List<Step> steps) {

	History with(List<Step> other) {
		return new History(this.seed, this.initialized, List.copyOf(other));
	}

	/** For the report of a failure: a step a line. */
	@Override
	public String toString() {
		return "seed " + this.seed + (this.initialized ? ", initialized" : ", unknown at first")
				+ this.steps.stream().map((step) -> "\n\t" + step).collect(Collectors.joining());
	}

}
