package io.metrology.ingest;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

import io.metrology.http.Caller;
import io.metrology.stream.UnknownStreamProperties;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.RowCallbackHandler;
import org.springframework.stereotype.Component;

/**
 * Makes the rows that the first chunk of a channel needs: its channel's, and its stream's
 * where unknown streams are registered. Rows are made in key order, and streams locked
 * before channels, so that no two transactions wait for each other.
 */
@Component
class ChannelRegistry {

	private static final String REGISTER_STREAMS = """
			INSERT INTO stream (data_id, processed_data_id, created_by)
			SELECT data_id, gen_random_uuid(), created_by
			  FROM unnest(?::uuid[], ?::uuid[]) AS unknown (data_id, created_by)
			 ORDER BY data_id
			ON CONFLICT DO NOTHING
			RETURNING data_id
			""";

	// Against whoever finalizes or deletes the stream at the same time, and against
	// whoever
	// makes channels in it, so that they can be counted.
	private static final String LOCK_STREAMS = """
			SELECT data_id
			  FROM stream
			 WHERE data_id = ANY (?)
			 ORDER BY data_id
			   FOR NO KEY UPDATE
			""";

	private static final String CREATE_CHANNELS = """
			INSERT INTO channel (data_id, channel_name)
			SELECT wanted.data_id,
			       wanted.channel_name
			  FROM unnest(?::uuid[], ?::text[]) AS wanted (data_id, channel_name)
			  JOIN stream s
			    ON s.data_id = wanted.data_id
			   AND (s.finalized_at IS NULL OR s.data_id = ANY (?))
			   AND s.deleted_at IS NULL
			 ORDER BY wanted.data_id, wanted.channel_name COLLATE "C"
			ON CONFLICT DO NOTHING
			""";

	private static final String DROP_EMPTY_CHANNELS = """
			DELETE FROM channel c
			 USING unnest(?::uuid[], ?::text[]) AS empty (data_id, channel_name)
			 WHERE c.data_id = empty.data_id
			   AND c.channel_name = empty.channel_name
			   AND c.chunk_count = 0
			""";

	private final JdbcTemplate jdbc;

	private final HoldingsReader holdings;

	private final boolean registersUnknown;

	ChannelRegistry(@Qualifier(WriteConnections.QUALIFIER) JdbcTemplate jdbc, UnknownStreamProperties unknownStreams) {
		this.jdbc = jdbc;
		this.holdings = new HoldingsReader(jdbc);
		this.registersUnknown = unknownStreams.registers();
	}

	/** Whether a stream never seen before is registered by its first chunk. */
	boolean registersUnknown() {
		return this.registersUnknown;
	}

	/**
	 * Makes the rows that are not there yet, for streams that accept data.
	 * @param makers who is to be on record for having made a stream
	 * @param resent streams that also get channels if they are finalized
	 */
	Created create(BatchKeys keys, Map<UUID, Caller> makers, Set<UUID> resent) {
		Set<UUID> registered = new HashSet<>();
		if (this.registersUnknown) {
			this.jdbc.query(REGISTER_STREAMS, (statement) -> {
				BatchKeys.set(statement, 1, "uuid", makers.keySet(), (dataId) -> dataId);
				BatchKeys.set(statement, 2, "uuid", makers.values(), Caller::keyId);
			}, (RowCallbackHandler) (row) -> registered.add(row.getObject(1, UUID.class)));
		}
		this.jdbc.query(LOCK_STREAMS, (statement) -> keys.setStreams(statement, 1), (RowCallbackHandler) (row) -> {
		});
		Map<UUID, Integer> before = this.holdings.countChannels(keys);
		this.jdbc.update(CREATE_CHANNELS, (statement) -> {
			keys.setChannels(statement, 1);
			BatchKeys.set(statement, 3, "uuid", resent, (dataId) -> dataId);
		});
		return new Created(registered, before);
	}

	/** Removes channels that were made for chunks that were then refused. */
	void dropEmpty(List<ChunkKey.Channel> channels) {
		if (!channels.isEmpty()) {
			this.jdbc.update(DROP_EMPTY_CHANNELS, (statement) -> BatchKeys.setChannels(statement, 1, channels));
		}
	}

	/**
	 * What was there before, and what was not.
	 *
	 * @param streams the streams that were registered
	 * @param channelsBefore how many channels each stream had before
	 */
	record Created(Set<UUID> streams, Map<UUID, Integer> channelsBefore) {

		static final Created NOTHING = new Created(Set.of(), Map.of());

	}

}
