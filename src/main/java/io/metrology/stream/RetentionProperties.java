package io.metrology.stream;

import java.time.Duration;

import jakarta.validation.constraints.NotNull;
import org.hibernate.validator.constraints.time.DurationMin;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Which streams are deleted by themselves. Nothing is, unless one of the two ages is set.
 * Ages below a minute are refused: a bare {@code 30} means 30 ms, and would delete all.
 *
 * @param finalizedAfter the age since its finalizing at which a stream is deleted, or
 * null for never
 * @param idleAfter how long a stream that was never finalized must be silent to be
 * deleted, or null for never
 * @param interval how often streams of that age are looked for
 */
@Validated
@ConfigurationProperties("metrology.retention")
record RetentionProperties(@DurationMin(minutes = 1) @Nullable Duration finalizedAfter,
		@DurationMin(minutes = 1) @Nullable Duration idleAfter, @NotNull @DefaultValue("10m") Duration interval) {
}
