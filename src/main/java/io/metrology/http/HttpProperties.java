package io.metrology.http;

import java.time.Duration;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Positive;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;
import org.springframework.validation.annotation.Validated;

/**
 * Limits on what a client may send, and on how long it waits.
 *
 * @param maxBodySize the max length of a body, after decompression
 * @param bodyTimeout the max time from the first to the last byte of a body
 * @param maxHeaders the max number of headers of a request
 * @param maxWait the max time from the arrival of a request to its answer. The time in
 * which the body arrives does not count. Downloads and events may take longer
 * @param maxRefusedBodies how many refused requests may finish sending their body at the
 * same time. Connections of further refused requests are closed
 * @param maxBodyMemory the max memory of all bodies above 64 KiB, with the numbers read
 * from them; null for an eighth of the heap
 * @param operatorPort a second port for health and metrics only; 0 for none
 */
@Validated
@ConfigurationProperties("metrology.http")
public record HttpProperties(@NotNull @DefaultValue("32MB") DataSize maxBodySize,
		@NotNull @DefaultValue("60s") Duration bodyTimeout, @Positive @DefaultValue("100") int maxHeaders,
		@NotNull @DefaultValue("25s") Duration maxWait, @Min(0) @DefaultValue("8") int maxRefusedBodies,
		@Nullable DataSize maxBodyMemory, @Min(0) @Max(65_535) @DefaultValue("0") int operatorPort) {

	private static final int HEAP_DIVISOR = 8;

	/** Returns the memory of large bodies in bytes. */
	public long bodyMemory() {
		return (this.maxBodyMemory != null) ? this.maxBodyMemory.toBytes()
				: Runtime.getRuntime().maxMemory() / HEAP_DIVISOR;
	}

}
