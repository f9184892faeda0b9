package io.metrology.series;

import io.metrology.http.QueryParameters;
import org.jspecify.annotations.Nullable;

/**
 * Which points are asked for.
 *
 * @param channel the channel, or null for all
 * @param selection which of its points
 * @param maxPoints how many points the answer may have to show the course of all, or null
 * where all are wanted
 */
record PointsQuery(@Nullable String channel, Selection selection, @Nullable Integer maxPoints) {

	/** The most that {@code max_points} may be. */
	static final int MOST_SHOWN = 100_000;

	/**
	 * Reads a query.
	 * @throws io.metrology.http.ProblemException {@code invalid_request} with the name of
	 * the parameter at fault
	 */
	static PointsQuery of(QueryParameters parameters, PointFormat format) {
		String channel = parameters.text("channel");
		if (channel == null && format == PointFormat.JSON) {
			throw QueryParameters.fault("channel", "is required for JSON; CSV and Parquet can hold all channels", null);
		}
		Double start = parameters.number("start");
		Double end = parameters.number("end");
		if (start != null && end != null && start >= end) {
			throw QueryParameters.fault("end", "must be greater than start", end);
		}
		Long lastN = parameters.integer("last_n", 1, Long.MAX_VALUE);
		Long maxPoints = parameters.integer("max_points", 2, MOST_SHOWN);
		if (maxPoints != null && lastN != null) {
			throw QueryParameters.fault("max_points", "cannot be combined with last_n", maxPoints);
		}
		if (maxPoints != null && format == PointFormat.PARQUET) {
			throw QueryParameters.fault("max_points", "is served as JSON or CSV, not as Parquet", maxPoints);
		}
		return new PointsQuery(channel, new Selection(TimeWindow.between(start, end), lastN),
				(maxPoints != null) ? maxPoints.intValue() : null);
	}

}
