package io.metrology.ingest;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Positive;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How concurrent chunks share transactions.
 *
 * @param maxChunks the most chunks that are committed together; 1 for a transaction each
 * @param maxPoints the most points that are committed together, but for a single request
 * that has more
 * @param lanes how many batches may be written at the same time, each on a connection of
 * its own, and as many again for requests with more than {@code maxPoints}
 */
@Validated
@ConfigurationProperties("metrology.ingest.batch")
record BatchProperties(@Positive @Max(ChunkStatements.MOST_ROWS) @DefaultValue("64") int maxChunks,
		@Positive @DefaultValue("20000") int maxPoints, @Positive @DefaultValue("1") int lanes) {
}
