package io.metrology.http;

import java.time.Duration;

import jakarta.validation.constraints.NotNull;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How long a stop waits for clients.
 *
 * @param maxWait how long requests that have arrived are served after the stop begins
 * @param maxIdleWait how long an open connection may still send its next request after
 * the stop begins
 */
@Validated
@ConfigurationProperties("metrology.http.stop")
record StopProperties(@NotNull @DefaultValue("25s") Duration maxWait,
		@NotNull @DefaultValue("5s") Duration maxIdleWait) {
}
