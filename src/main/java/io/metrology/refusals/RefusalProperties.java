package io.metrology.refusals;

import java.time.Duration;

import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Positive;
import org.hibernate.validator.constraints.time.DurationMin;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;
import org.springframework.validation.annotation.Validated;

/**
 * How much is recorded of refused chunks.
 *
 * @param maxBody the max size of a recorded body, after decompression. A larger body is
 * recorded without its content
 * @param maxTotal the max size of all records. Each counts its body and
 * {@value #RECORD_BYTES} bytes. One data_id or key gets at most a quarter
 * @param maxAge how long a record is kept after its last refusal
 * @param maxRate how many requests are recorded per second
 * @param maxBytesRate how many bytes of bodies are recorded per second
 */
@Validated
@ConfigurationProperties("metrology.refusals")
record RefusalProperties(@NotNull @DefaultValue("8MB") DataSize maxBody,
		@NotNull @DefaultValue("512MB") DataSize maxTotal,
		@NotNull @DurationMin(minutes = 1) @DefaultValue("30d") Duration maxAge,
		@Positive @DefaultValue("20") int maxRate, @NotNull @DefaultValue("4MB") DataSize maxBytesRate) {

	/** What a record takes besides its body, in bytes. */
	static final int RECORD_BYTES = 2048;

	private static final int USER_PART = 4;

	/** The max size of the records of one data_id or key, in bytes. */
	long maxBytesOfUser() {
		return this.maxTotal.toBytes() / USER_PART;
	}

	/** The max length of a recorded body, in bytes. */
	long maxBodyBytes() {
		return Math.max(0, Math.min(this.maxBody.toBytes(), maxBytesOfUser() - RECORD_BYTES));
	}

}
