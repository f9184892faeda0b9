package io.metrology.refusals;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;

import io.metrology.refusals.RefusedRequest.Reason;
import org.jspecify.annotations.Nullable;

/**
 * Counts that are written together, at most once a second: repeated requests by their
 * record, and all refused requests by data_id. Their number is bounded, so a client that
 * invents data_ids does not fill the memory or the table.
 */
class RefusalCounts {

	static final int MAX_KEYS = 1000;

	private Map<UUID, Repeated> records = new LinkedHashMap<>();

	private Map<UUID, Long> dataIds = new HashMap<>();

	/** Counts a request that has a record. Returns false if there is no room. */
	synchronized boolean addRepeated(UUID id, Reason reason, @Nullable UUID dataId) {
		Repeated before = this.records.get(id);
		if (before == null && this.records.size() >= MAX_KEYS) {
			return false;
		}
		this.records.put(id, new Repeated((before != null) ? before.count() + 1 : 1, reason));
		add(dataId, 1);
		return true;
	}

	/** Counts a request that gets no record. */
	synchronized void addUnrecorded(@Nullable UUID dataId) {
		add(dataId, 1);
	}

	/** Takes all counts, or null if there are none. */
	synchronized @Nullable Taken take() {
		if (this.records.isEmpty() && this.dataIds.isEmpty()) {
			return null;
		}
		Taken taken = new Taken(this.records, this.dataIds);
		this.records = new LinkedHashMap<>();
		this.dataIds = new HashMap<>();
		return taken;
	}

	/** Puts counts back that could not be written. */
	synchronized void putBack(Taken taken) {
		taken.records().forEach((id, before) -> {
			Repeated now = this.records.get(id);
			if (now != null || this.records.size() < MAX_KEYS) {
				this.records.put(id, (now != null) ? new Repeated(now.count() + before.count(), now.reason()) : before);
			}
		});
		taken.dataIds().forEach(this::add);
	}

	private void add(@Nullable UUID dataId, long count) {
		if (dataId != null && (this.dataIds.containsKey(dataId) || this.dataIds.size() < MAX_KEYS)) {
			this.dataIds.merge(dataId, count, Long::sum);
		}
	}

	/**
	 * Requests that have the same record.
	 *
	 * @param count their number
	 * @param reason of the last of them
	 */
	record Repeated(long count, Reason reason) {

	}

	/**
	 * Counts to write.
	 *
	 * @param records by the id of the record
	 * @param dataIds by data_id
	 */
	record Taken(Map<UUID, Repeated> records, Map<UUID, Long> dataIds) {

	}

}
