package io.metrology.series;

import org.jspecify.annotations.Nullable;

/**
 * The times of the points that a query asks for.
 *
 * @param start the least timestamp, Unix epoch seconds, included
 * @param end the end of the timestamps, Unix epoch seconds, not included, so that windows
 * one after the other have each point once
 * @param origin what {@code elapsed} counts from, Unix epoch seconds
 * @param elapsed only points for which {@code timestamp - origin} is greater, in seconds;
 * computed as the answer computes it, so that both round alike
 */
record TimeWindow(double start, double end, double origin, double elapsed) {

	/** All points. */
	static final TimeWindow ALL = between(null, null);

	/** From a time to a time; null stands for no limit. */
	static TimeWindow between(@Nullable Double start, @Nullable Double end) {
		return new TimeWindow((start != null) ? start : Double.NEGATIVE_INFINITY,
				(end != null) ? end : Double.POSITIVE_INFINITY, 0, Double.NEGATIVE_INFINITY);
	}

	/** All that is later than so many seconds after the origin. */
	static TimeWindow after(double origin, double elapsed) {
		return new TimeWindow(Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY, origin, elapsed);
	}

	boolean contains(double timestamp) {
		return timestamp >= this.start && timestamp < this.end && timestamp - this.origin > this.elapsed;
	}

	/** Whether some time between the two may be in it; rounding keeps the order. */
	boolean overlaps(double earliest, double latest) {
		return latest >= this.start && earliest < this.end && latest - this.origin > this.elapsed;
	}

	/** Whether each time between the two is in it. */
	boolean covers(double earliest, double latest) {
		return contains(earliest) && contains(latest);
	}

	/** Whether it has every point there can be. */
	boolean isUnlimited() {
		return this.start == Double.NEGATIVE_INFINITY && this.end == Double.POSITIVE_INFINITY
				&& this.elapsed == Double.NEGATIVE_INFINITY;
	}

}
