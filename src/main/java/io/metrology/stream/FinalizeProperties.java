package io.metrology.stream;

import java.time.Duration;

import jakarta.validation.constraints.NotNull;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How long finalizing waits for chunks that are still on their way.
 *
 * @param quietPeriod for how long no chunk must have arrived; longer than the pauses
 * between a client's tries
 * @param maxWait the longest wait; shorter than a client's time-out
 */
@Validated
@ConfigurationProperties("metrology.finalize")
record FinalizeProperties(@NotNull @DefaultValue("2s") Duration quietPeriod,
		@NotNull @DefaultValue("25s") Duration maxWait) {
}
