package io.metrology.http;

import java.time.Duration;

import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Positive;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;
import org.springframework.validation.annotation.Validated;

/**
 * Limits on what a client may send.
 *
 * @param maxBodySize the longest body that is read, after decompression
 * @param bodyTimeout the longest time from the first to the last byte of a body
 * @param maxHeaders the most headers of a request
 */
@Validated
@ConfigurationProperties("metrology.http")
record HttpProperties(@NotNull @DefaultValue("32MB") DataSize maxBodySize,
		@NotNull @DefaultValue("60s") Duration bodyTimeout, @Positive @DefaultValue("100") int maxHeaders) {
}
