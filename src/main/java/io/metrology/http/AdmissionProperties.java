package io.metrology.http;

import java.time.Duration;

import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Positive;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;
import org.springframework.validation.annotation.Validated;

/**
 * How much the service takes on at a time. The three numbers of requests together stay
 * below {@code server.tomcat.threads.max}: what is left answers health and metrics.
 *
 * @param maxRequests the most requests that are handled at the same time, but for health
 * and metrics
 * @param maxWaiting the most requests beyond those that wait for one of them to end
 * @param maxWait how long a request waits for that, or for memory for its body, before it
 * is refused
 * @param maxRefusedBodies the most requests, refused or otherwise answered before their
 * bodies were read, whose bodies are awaited at the same time, to be thrown away;
 * connections of others are closed
 * @param maxBodyMemory the most memory that bodies beyond 64 KiB take at the same time,
 * what is read from them included; null for an eighth of the heap, 16 MiB at most
 */
@Validated
@ConfigurationProperties("metrology.http.admission")
record AdmissionProperties(@Positive @DefaultValue("200") int maxRequests, @Min(0) @DefaultValue("32") int maxWaiting,
		@NotNull @DefaultValue("500ms") Duration maxWait, @Min(0) @DefaultValue("8") int maxRefusedBodies,
		@Nullable DataSize maxBodyMemory) {

	private static final long MOST_BY_DEFAULT = 16L * 1024 * 1024;

	/** The threads that may be busy while health and metrics are to be answered. */
	int busyThreads() {
		return this.maxRequests + this.maxWaiting + this.maxRefusedBodies;
	}

	/** In bytes. */
	long bodyMemory() {
		return (this.maxBodyMemory != null) ? this.maxBodyMemory.toBytes()
				: Math.min(MOST_BY_DEFAULT, Runtime.getRuntime().maxMemory() / 8);
	}

}
