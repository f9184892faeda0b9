package io.metrology.series;

import java.util.List;
import java.util.UUID;

import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import org.jspecify.annotations.Nullable;

/**
 * A stream that can be read, as it stood when the request came.
 *
 * @param dataId the stream
 * @param channels its channels, by name
 */
record Series(UUID dataId, List<Channel> channels) {

	/** The least timestamp of all channels, or null where there is no point. */
	@Nullable Double earliestTime() {
		return this.channels.isEmpty() ? null
				: this.channels.stream().mapToDouble(Channel::earliestTime).min().getAsDouble();
	}

	/** The time from the least timestamp to the greatest, in seconds, or null. */
	@Nullable Double duration() {
		Double earliest = earliestTime();
		return (earliest == null) ? null
				: this.channels.stream().mapToDouble(Channel::latestTime).max().getAsDouble() - earliest;
	}

	/**
	 * The channel of a name.
	 * @throws ProblemException {@code channel_unknown}
	 */
	Channel channel(String name) {
		return this.channels.stream()
			.filter((channel) -> channel.name().equals(name))
			.findFirst()
			.orElseThrow(() -> new ProblemException(ErrorCode.CHANNEL_UNKNOWN,
					"The stream has no channel of this name (data_id " + this.dataId + ", channel " + name + ")."));
	}

	/**
	 * A channel.
	 *
	 * @param name its name
	 * @param units its units, or null where not said
	 * @param revision the count of its changes
	 * @param totalPoints the points stored for it
	 * @param chunkCount the chunks stored for it
	 * @param highestChunkIndex the highest index of a chunk
	 * @param earliestTime its least timestamp, Unix epoch seconds
	 * @param latestTime its greatest timestamp, Unix epoch seconds
	 */
	record Channel(String name, @Nullable String units, long revision, long totalPoints, long chunkCount,
			int highestChunkIndex, double earliestTime, double latestTime) {

	}

}
