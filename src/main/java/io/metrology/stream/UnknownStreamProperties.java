package io.metrology.stream;

import jakarta.validation.constraints.NotNull;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * What becomes of streams that were never initialized.
 *
 * @param unknown what to do with the first chunk of a stream never seen before
 */
@Validated
@ConfigurationProperties("metrology.streams")
public record UnknownStreamProperties(@NotNull @DefaultValue("register") Unknown unknown) {

	/** Whether a stream never seen before is registered by its first chunk. */
	public boolean registers() {
		return this.unknown == Unknown.REGISTER;
	}

	/** What to do with the first chunk of a stream never seen before. */
	public enum Unknown {

		/** Register the stream, so that a script can start with its first chunk. */
		REGISTER,
		/** Refuse the chunk, 404 {@code stream_unknown}. */
		REJECT

	}

}
