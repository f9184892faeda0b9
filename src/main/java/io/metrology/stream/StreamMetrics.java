package io.metrology.stream;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.stereotype.Component;

/**
 * The figures on active streams, taken from the database at an interval. They are NaN
 * while it cannot be asked.
 */
@Component
class StreamMetrics {

	private static final Logger log = LoggerFactory.getLogger(StreamMetrics.class);

	private static final String WATCH = """
			SELECT count(*) AS active,
			       coalesce(max(silence), 0) AS longest_silence
			  FROM (SELECT extract(epoch FROM clock_timestamp() - max(c.last_received_at)) AS silence
			          FROM channel c
			          JOIN stream s USING (data_id)
			         WHERE s.finalized_at IS NULL
			           AND s.deleted_at IS NULL
			         GROUP BY c.data_id) AS stream_silence
			 WHERE silence <= :idle_after
			""";

	private final JdbcClient jdbc;

	private final StreamProperties properties;

	private volatile Activity activity = Activity.UNKNOWN;

	StreamMetrics(JdbcClient jdbc, StreamProperties properties, MeterRegistry registry) {
		this.jdbc = jdbc;
		this.properties = properties;
		Gauge.builder("metrology.stream.active", () -> this.activity.active())
			.description("Streams that are not finalized and had a chunk within metrology.stream.idle-after")
			.register(registry);
		Gauge.builder("metrology.stream.longest.silence", () -> this.activity.longestSilence())
			.baseUnit("seconds")
			.description("The time since the latest chunk of the active stream that has been silent longest")
			.register(registry);
	}

	@Scheduled(fixedDelayString = "${metrology.stream.watch-interval:15s}")
	void watch() {
		try {
			this.activity = this.jdbc.sql(WATCH)
				.param("idle_after", this.properties.idleAfter().toSeconds())
				.query((row, index) -> new Activity(row.getLong("active"), row.getDouble("longest_silence")))
				.single();
		}
		catch (DataAccessException ex) {
			this.activity = Activity.UNKNOWN;
			log.debug("The active streams could not be counted", ex);
		}
	}

	private record Activity(double active, double longestSilence) {

		static final Activity UNKNOWN = new Activity(Double.NaN, Double.NaN);

	}

}
