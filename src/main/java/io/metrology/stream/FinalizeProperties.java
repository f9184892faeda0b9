package io.metrology.stream;

import java.time.Duration;

import jakarta.validation.constraints.NotNull;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How long a finalize request waits for chunks that have not been stored yet.
 *
 * @param quietPeriod required time without a commit to the stream, longer than the pauses
 * between the attempts of a client
 * @param maxWait longest wait for the quiet period, below the deadline of a request
 */
@Validated
@ConfigurationProperties("metrology.finalize")
record FinalizeProperties(@NotNull @DefaultValue("2s") Duration quietPeriod,
		@NotNull @DefaultValue("20s") Duration maxWait) {
}
