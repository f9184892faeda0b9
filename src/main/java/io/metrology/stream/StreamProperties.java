package io.metrology.stream;

import java.time.Duration;

import jakarta.validation.constraints.NotNull;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How streams are watched.
 *
 * @param idleAfter how long a stream may be silent before it counts as interrupted
 * @param watchInterval how often the figures on active streams are taken
 */
@Validated
@ConfigurationProperties("metrology.stream")
record StreamProperties(@NotNull @DefaultValue("1h") Duration idleAfter,
		@NotNull @DefaultValue("15s") Duration watchInterval) {
}
