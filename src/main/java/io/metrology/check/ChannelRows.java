package io.metrology.check;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

import io.metrology.check.CheckedChunk.Key;
import io.metrology.check.CheckedChunk.StreamState;
import org.jspecify.annotations.Nullable;

/** Reads channels, each beside its stream, and what their chunks add up to. */
class ChannelRows {

	static final int PAGE_ROWS = 1000;

	private static final String AFTER = """
			(data_id, channel_name) > (?, ?)
			""";

	private static final String OF_STREAM = """
			 AND data_id = ?
			""";

	private static final String ONE = """
			data_id = ? AND channel_name = ?
			""";

	private static final String CHANNELS = """
			SELECT c.data_id,
			       c.channel_name,
			       CASE WHEN s.data_id IS NULL THEN 'UNKNOWN'
			            WHEN s.deleted_at IS NOT NULL THEN 'DELETED'
			            ELSE 'LIVE'
			       END,
			       EXISTS (
			         SELECT
			           FROM chunk k
			          WHERE k.data_id = c.data_id
			            AND k.channel_name = c.channel_name),
			""" + ChannelSums.COLUMNS + """

			  FROM (SELECT *
			          FROM channel
			         WHERE %s
			         ORDER BY data_id, channel_name
			         LIMIT %d) AS c
			  LEFT JOIN stream s
			    ON s.data_id = c.data_id
			 ORDER BY c.data_id, c.channel_name
			""";

	private static final String KEYS = """
			SELECT data_id,
			       channel_name
			  FROM channel
			 WHERE %s
			 ORDER BY data_id, channel_name
			 LIMIT %d
			""";

	// One snapshot of a channel that is written to. From the index alone; it lasts some
	// 0.1 s for 100 000 chunks.
	private static final String SUMS = """
			SELECT
			""" + ChannelSums.COLUMNS + """
			,
			       held.points,
			       held.chunks,
			       held.highest,
			       held.earliest,
			       held.latest,
			       CASE WHEN held.latest IS NOT DISTINCT FROM c.latest_time THEN held.latest_index
			            -- Which chunk has a wrong time, is no second fault.
			            ELSE c.latest_chunk_index
			       END
			  FROM channel c
			 CROSS JOIN LATERAL (
			         SELECT coalesce(sum(k.point_count), 0)::bigint AS points,
			                count(*) AS chunks,
			                coalesce(max(k.chunk_index), -1) AS highest,
			                min(k.earliest_time) AS earliest,
			                max(k.latest_time) AS latest,
			                max(k.chunk_index) FILTER (WHERE k.latest_time = c.latest_time) AS latest_index
			           FROM chunk k
			          WHERE k.data_id = c.data_id
			            AND k.channel_name = c.channel_name) AS held
			 WHERE c.data_id = ?
			   AND c.channel_name = ?
			""";

	private static final int SUMS_COLUMNS = 6;

	private final Snapshots snapshots;

	ChannelRows(Snapshots snapshots) {
		this.snapshots = snapshots;
	}

	/**
	 * The next channels, empty at the end.
	 * @param stream of this stream alone, or null for all
	 */
	List<Row> page(Key after, @Nullable UUID stream) throws SQLException {
		return this.snapshots.read(CHANNELS.formatted(position(stream), PAGE_ROWS), parameters(after, stream),
				(rows) -> {
					List<Row> page = new ArrayList<>();
					while (rows.next()) {
						page.add(row(rows));
					}
					return page;
				});
	}

	/** The keys of the next channels, each as the place before its first chunk. */
	List<Key> keys(Key after, @Nullable UUID stream, int limit) throws SQLException {
		return this.snapshots.read(KEYS.formatted(position(stream), limit), parameters(after, stream), (rows) -> {
			List<Key> keys = new ArrayList<>();
			while (rows.next()) {
				keys.add(new Key(rows.getObject(1, UUID.class), rows.getString(2), -1));
			}
			return keys;
		});
	}

	private static String position(@Nullable UUID stream) {
		return (stream != null) ? AFTER + OF_STREAM : AFTER;
	}

	private static List<Object> parameters(Key after, @Nullable UUID stream) {
		List<Object> parameters = new ArrayList<>(List.of(after.dataId(), after.channelName()));
		if (stream != null) {
			parameters.add(stream);
		}
		return parameters;
	}

	/** A channel as it is now; empty where it is gone. */
	Optional<Row> find(Key key) throws SQLException {
		return this.snapshots.read(CHANNELS.formatted(ONE, 1), List.of(key.dataId(), key.channelName()),
				(rows) -> rows.next() ? Optional.of(row(rows)) : Optional.empty());
	}

	/** Says where a channel differs from its chunks as they are now. */
	List<String> faultsOfSums(Key key) throws SQLException {
		return this.snapshots.read(SUMS, List.of(key.dataId(), key.channelName()), (rows) -> rows.next()
				? ChannelSums.read(rows, 1).faults(ChannelSums.read(rows, 1 + SUMS_COLUMNS)) : List.of());
	}

	private static Row row(ResultSet row) throws SQLException {
		return new Row(new Key(row.getObject(1, UUID.class), row.getString(2), -1), StreamState.of(row.getString(3)),
				row.getBoolean(4), ChannelSums.read(row, 5));
	}

	/**
	 * A channel's row.
	 *
	 * @param key the place before its first chunk
	 * @param stream how its stream stands
	 * @param hasChunks whether it has any: then they tell what it should carry
	 * @param sums what it carries
	 */
	record Row(Key key, StreamState stream, boolean hasChunks, ChannelSums sums) {

		List<String> faults() {
			List<String> faults = new ArrayList<>();
			if (this.stream == StreamState.UNKNOWN) {
				faults.add("it has no stream");
			}
			if (this.stream == StreamState.DELETED) {
				faults.add("its stream was deleted, and it should be, too");
			}
			if (!this.hasChunks) {
				faults.addAll(this.sums.faults(ChannelSums.EMPTY));
			}
			return faults;
		}

	}

}
