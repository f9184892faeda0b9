package io.metrology.refusals;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import org.jspecify.annotations.Nullable;

import org.springframework.stereotype.Component;

/** The figures on refused chunks; {@code docs/metrics.md} says what each means. */
@Component
class RefusalMetrics {

	private final Counter recorded;

	private final Map<Unrecorded, Counter> unrecorded = new EnumMap<>(Unrecorded.class);

	private final Map<Dropped, Counter> dropped = new EnumMap<>(Dropped.class);

	RefusalMetrics(MeterRegistry registry) {
		this.recorded = Counter.builder("metrology.refusals.recorded")
			.description("Refused chunk requests that were recorded, repeated ones included")
			.register(registry);
		for (Unrecorded reason : Unrecorded.values()) {
			this.unrecorded.put(reason,
					Counter.builder("metrology.refusals.unrecorded")
						.description("Refused chunk requests that were not recorded, by reason")
						.tag("reason", label(reason))
						.register(registry));
		}
		for (Dropped reason : Dropped.values()) {
			this.dropped.put(reason,
					Counter.builder("metrology.refusals.dropped")
						.description("Records that were deleted by a limit, by the limit")
						.tag("reason", label(reason))
						.register(registry));
		}
	}

	void recorded() {
		this.recorded.increment();
	}

	void unrecorded(Unrecorded reason) {
		increment(this.unrecorded.get(reason), 1);
	}

	void dropped(Dropped reason, long records) {
		increment(this.dropped.get(reason), records);
	}

	private static void increment(@Nullable Counter counter, long amount) {
		if (counter != null) {
			counter.increment(amount);
		}
	}

	private static String label(Enum<?> reason) {
		return reason.name().toLowerCase(Locale.ROOT);
	}

	/** Why a refused request was not recorded. */
	enum Unrecorded {

		/** More requests or bytes than the limits per second. */
		MAX_RATE,
		/** The record was not written within a second. */
		TIMEOUT,
		/** PostgreSQL could not write the record. */
		FAILURE,
		/** The stream of the chunk was deleted. */
		STREAM_DELETED

	}

	/** Which limit deleted records. */
	enum Dropped {

		/** The size of all records, or of those of one data_id or key. */
		MAX_TOTAL,
		/** The age of a record. */
		MAX_AGE

	}

}
