package io.metrology.ingest;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import io.metrology.ingest.ChunkReceipt.Outcome;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;

import org.springframework.stereotype.Component;

/** The figures of the way in; {@code docs/metrics.md} says what each means. */
@Component
class IngestMetrics {

	private final Map<Outcome, Counter> chunks = new EnumMap<>(Outcome.class);

	private final Map<Outcome, Counter> points = new EnumMap<>(Outcome.class);

	private final Timer commit;

	private final Timer wait;

	private final DistributionSummary batch;

	IngestMetrics(MeterRegistry registry) {
		for (Outcome outcome : Outcome.values()) {
			this.chunks.put(outcome,
					Counter.builder("metrology.ingest.chunks")
						.description("Chunks acknowledged, by what was written")
						.tag("outcome", outcome.label())
						.register(registry));
			this.points.put(outcome,
					Counter.builder("metrology.ingest.points")
						.description("Points in acknowledged chunks, by what was written")
						.tag("outcome", outcome.label())
						.register(registry));
		}
		this.commit = Timer.builder("metrology.ingest.commit")
			.description("From when a batch begins to when it is committed, for batches that were")
			.serviceLevelObjectives(millis(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000))
			.register(registry);
		this.wait = Timer.builder("metrology.ingest.wait")
			.description("From when a request is parsed to when its batch begins")
			.serviceLevelObjectives(millis(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000))
			.register(registry);
		this.batch = DistributionSummary.builder("metrology.ingest.batch")
			.baseUnit("chunks")
			.description("Chunks committed together in one transaction")
			.serviceLevelObjectives(1, 2, 4, 8, 16, 32, 64, 128)
			.register(registry);
	}

	void waited(long nanos) {
		this.wait.record(nanos, TimeUnit.NANOSECONDS);
	}

	void committed(int chunks, long nanos) {
		this.commit.record(nanos, TimeUnit.NANOSECONDS);
		this.batch.record(chunks);
	}

	void acknowledged(Outcome outcome, int points) {
		Counter chunkCounter = this.chunks.get(outcome);
		Counter pointCounter = this.points.get(outcome);
		if (chunkCounter != null && pointCounter != null) {
			chunkCounter.increment();
			pointCounter.increment(points);
		}
	}

	private static Duration[] millis(long... millis) {
		Duration[] durations = new Duration[millis.length];
		for (int i = 0; i < millis.length; i++) {
			durations[i] = Duration.ofMillis(millis[i]);
		}
		return durations;
	}

}
