package io.metrology.ingest;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Positive;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How chunks are taken in.
 *
 * @param maxPoints the most points in one chunk
 * @param maxChannels the most channels in one request
 * @param maxChannelsPerStream the most channels that a stream may come to have
 * @param unitsMismatch what to do with a chunk whose units differ from its channel's
 */
@Validated
@ConfigurationProperties("metrology.ingest")
record IngestProperties(@Positive @DefaultValue("100000") int maxPoints,
		@Positive @Max(5000) @DefaultValue("1000") int maxChannels,
		@Positive @DefaultValue("10000") int maxChannelsPerStream,
		@NotNull @DefaultValue("reject") UnitsMismatch unitsMismatch) {

	/** What to do with a chunk whose units differ from its channel's. */
	enum UnitsMismatch {

		/** Refuse the chunk. */
		REJECT,
		/** Store the chunk; the channel's units stay. */
		KEEP

	}

}
