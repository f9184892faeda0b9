package io.metrology.stream;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

import io.metrology.http.QueryParameters;
import io.metrology.http.RequestTime;
import org.jspecify.annotations.Nullable;

/**
 * Which streams are listed. A stream's last activity is its latest chunk, or else that it
 * was made.
 *
 * @param status how they stand, or null
 * @param name a part of their names, in small or capital letters, or null
 * @param activeSince the earliest time of their last activity, included, or null
 * @param activeUntil the end of the times of their last activity, not included, or null
 */
record StreamFilter(@Nullable StreamStatus status, @Nullable String name, @Nullable Instant activeSince,
		@Nullable Instant activeUntil) {

	private static final String NAME = """
			   AND strpos(lower(s.stream_name), lower(:name)) > 0
			""";

	private static final String FINALIZED = """
			   AND s.finalized_at IS NOT NULL
			""";

	private static final String ACTIVE = """
			   AND s.finalized_at IS NULL
			   AND coalesce(held.last_received_at, s.created_at) >= clock_timestamp() - make_interval(secs => :idle_after)
			""";

	private static final String INTERRUPTED = """
			   AND s.finalized_at IS NULL
			   AND coalesce(held.last_received_at, s.created_at) < clock_timestamp() - make_interval(secs => :idle_after)
			""";

	// One look at all channels costs less than one at the channels of each stream.
	private static final String ACTIVE_SINCE = """
			   AND (s.created_at >= :active_since
			        OR s.data_id IN (
			           SELECT c.data_id
			             FROM channel c
			            WHERE c.last_received_at >= :active_since))
			""";

	// A stream is made before its first chunk comes: so those made later need no look at
	// their channels.
	private static final String ACTIVE_UNTIL = """
			   AND s.created_at < :active_until
			   AND coalesce(held.last_received_at, s.created_at) < :active_until
			""";

	/**
	 * Reads {@code status}, {@code name}, {@code active_since} and {@code active_until}.
	 * @throws io.metrology.http.ProblemException {@code invalid_request} with the name of
	 * the parameter at fault
	 */
	static StreamFilter of(QueryParameters parameters) {
		String status = parameters.text("status");
		return new StreamFilter((status != null) ? status(status) : null, parameters.storedText("name"),
				time(parameters, "active_since"), time(parameters, "active_until"));
	}

	/** What the streams must meet, of a stream {@code s} and what is {@code held}. */
	String conditions() {
		StringBuilder conditions = new StringBuilder();
		if (this.status != null) {
			conditions.append(switch (this.status) {
				case ACTIVE -> ACTIVE;
				case INTERRUPTED -> INTERRUPTED;
				case SUCCESS -> FINALIZED;
			});
		}
		return conditions.append((this.name != null) ? NAME : "")
			.append((this.activeSince != null) ? ACTIVE_SINCE : "")
			.append((this.activeUntil != null) ? ACTIVE_UNTIL : "")
			.toString();
	}

	Map<String, Object> parameters() {
		Map<String, Object> parameters = new HashMap<>();
		if (this.name != null) {
			parameters.put("name", this.name);
		}
		if (this.activeSince != null) {
			parameters.put("active_since", this.activeSince.atOffset(ZoneOffset.UTC));
		}
		if (this.activeUntil != null) {
			parameters.put("active_until", this.activeUntil.atOffset(ZoneOffset.UTC));
		}
		return parameters;
	}

	private static StreamStatus status(String code) {
		return Arrays.stream(StreamStatus.values())
			.filter((status) -> status.code().equals(code))
			.findFirst()
			.orElseThrow(() -> QueryParameters.fault("status", "must be stream_active, stream_interrupted or success",
					code));
	}

	private static @Nullable Instant time(QueryParameters parameters, String name) {
		String text = parameters.text(name);
		try {
			// A + that was not escaped arrives as a space.
			return (text != null) ? RequestTime.parse(text.replace(' ', '+')) : null;
		}
		catch (DateTimeException ex) {
			throw QueryParameters.fault(name, "must be a time such as 2024-01-15T09:50:00Z", text);
		}
	}

}
