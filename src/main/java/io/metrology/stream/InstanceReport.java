package io.metrology.stream;

import java.time.Instant;
import java.util.Map;
import java.util.UUID;

import org.jspecify.annotations.Nullable;

/**
 * The requests in flight of one instance, by the clock of the database.
 *
 * @param instanceId the instance
 * @param asOf the report names every request that arrived earlier and was in flight then
 * @param oldestUnknown arrival of the oldest request without a known stream
 * @param oldestByStream arrival of the oldest request of each stream
 */
record InstanceReport(UUID instanceId, Instant asOf, @Nullable Instant oldestUnknown,
		Map<UUID, Instant> oldestByStream) {

	/**
	 * Returns whether all requests for a stream that arrived at a time or earlier are
	 * answered.
	 */
	boolean isClear(UUID dataId, Instant arrival) {
		Instant oldest = this.oldestByStream.get(dataId);
		return this.asOf.isAfter(arrival) && (this.oldestUnknown == null || this.oldestUnknown.isAfter(arrival))
				&& (oldest == null || oldest.isAfter(arrival));
	}

}
