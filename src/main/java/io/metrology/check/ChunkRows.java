package io.metrology.check;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

import io.metrology.check.CheckedChunk.Key;
import io.metrology.check.CheckedChunk.Owner;
import io.metrology.check.CheckedChunk.StreamState;
import io.metrology.ingest.ChunkSummary;
import org.jspecify.annotations.Nullable;

/** Reads chunks in the order of their keys, each beside its channel and stream. */
class ChunkRows {

	private static final int PAGE_ROWS = 1000;

	/** How long a page, and with it a snapshot, may last once its first chunk is read. */
	private static final long PAGE_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

	private static final String AFTER = """
			(data_id, channel_name, chunk_index) > (?, ?, ?)
			""";

	private static final String OF_STREAM = """
			 AND data_id = ?
			""";

	private static final String OF_CHANNEL = """
			data_id = ? AND channel_name = ? AND chunk_index > ?
			""";

	private static final String ONE = """
			data_id = ? AND channel_name = ? AND chunk_index = ?
			""";

	private static final String CHUNKS = """
			SELECT k.data_id,
			       k.channel_name,
			       k.chunk_index,
			       k.point_count,
			       k.revision,
			       k.content_hash,
			       k.earliest_time,
			       k.latest_time,
			       k.min_value,
			       k.max_value,
			       k.missing_count,
			       array_send(k.timestamps),
			       array_send(k."values"),
			       CASE WHEN s.data_id IS NULL THEN 'UNKNOWN'
			            WHEN s.purged_at IS NOT NULL THEN 'PURGED'
			            WHEN s.deleted_at IS NOT NULL THEN 'DELETED'
			            ELSE 'LIVE'
			       END,
			       c.revision,
			""" + ChannelSums.COLUMNS + """

			  FROM (SELECT *
			          FROM chunk
			         WHERE %s
			         ORDER BY data_id, channel_name, chunk_index
			         LIMIT %d) AS k
			  LEFT JOIN channel c
			    ON c.data_id = k.data_id
			   AND c.channel_name = k.channel_name
			  LEFT JOIN stream s
			    ON s.data_id = k.data_id
			 ORDER BY k.data_id, k.channel_name, k.chunk_index
			""";

	// From the index alone, if it can be.
	private static final String NEXT_KEY = """
			SELECT data_id,
			       channel_name,
			       chunk_index
			  FROM chunk
			 WHERE %s
			 ORDER BY data_id, channel_name, chunk_index
			 LIMIT 1
			""";

	private static final int OWNER_COLUMN = 15;

	private final Snapshots snapshots;

	private final String position;

	private final List<Object> stream;

	/**
	 * Reads chunks.
	 * @param stream of this stream alone, or null for all
	 */
	ChunkRows(Snapshots snapshots, @Nullable UUID stream) {
		this.snapshots = snapshots;
		this.position = (stream != null) ? AFTER + OF_STREAM : AFTER;
		this.stream = (stream != null) ? List.of(stream) : List.of();
	}

	/**
	 * Reads the next chunks, as many as a short snapshot allows.
	 * @param after is moved on with each chunk that is read, also where reading fails
	 * @return whether there was one
	 */
	boolean page(Cursor after, Consumer<CheckedChunk> reader) throws SQLException {
		String sql = CHUNKS.formatted(this.position, after.isCareful() ? 1 : PAGE_ROWS);
		return this.snapshots.read(sql, () -> parameters(after.key()), (rows) -> {
			boolean any = false;
			long end = System.nanoTime() + PAGE_NANOS;
			while ((!any || System.nanoTime() < end) && rows.next()) {
				CheckedChunk chunk = chunk(rows);
				after.moveTo(chunk.key());
				reader.accept(chunk);
				any = true;
			}
			return any;
		});
	}

	/** The key after a place, whether or not its chunk can be read. */
	Optional<Key> keyAfter(Key after) throws SQLException {
		return this.snapshots.read(NEXT_KEY.formatted(this.position), parameters(after),
				(rows) -> rows.next() ? Optional.of(key(rows)) : Optional.empty());
	}

	/** Whether the place's channel holds a chunk behind it. */
	boolean hasMoreOfChannel(Key place) throws SQLException {
		return this.snapshots.read(NEXT_KEY.formatted(OF_CHANNEL),
				List.of(place.dataId(), place.channelName(), place.chunkIndex()), ResultSet::next);
	}

	/** A chunk as it is now; empty where it is no longer held. */
	Optional<CheckedChunk> find(Key key) throws SQLException {
		return this.snapshots.read(CHUNKS.formatted(ONE, 1), List.of(key.dataId(), key.channelName(), key.chunkIndex()),
				(rows) -> rows.next() ? Optional.of(chunk(rows)) : Optional.empty());
	}

	private List<Object> parameters(Key after) {
		List<Object> parameters = new ArrayList<>(List.of(after.dataId(), after.channelName(), after.chunkIndex()));
		parameters.addAll(this.stream);
		return parameters;
	}

	private static Key key(ResultSet row) throws SQLException {
		return new Key(row.getObject(1, UUID.class), row.getString(2), row.getInt(3));
	}

	private static CheckedChunk chunk(ResultSet row) throws SQLException {
		ChunkSummary summary = new ChunkSummary(row.getDouble(7), row.getDouble(8), row.getObject(9, Double.class),
				row.getObject(10, Double.class), row.getInt(11));
		return new CheckedChunk(key(row), row.getInt(4), row.getLong(5), row.getBytes(6), summary,
				StoredArray.of(row.getBytes(12)), StoredArray.of(row.getBytes(13)), owner(row),
				StreamState.of(row.getString(14)));
	}

	private static @Nullable Owner owner(ResultSet row) throws SQLException {
		Long revision = row.getObject(OWNER_COLUMN, Long.class);
		return (revision != null) ? new Owner(revision, ChannelSums.read(row, OWNER_COLUMN + 1)) : null;
	}

	/** How far the reading has come. */
	static final class Cursor {

		/** As many are read one by one once a page failed: it reads ahead. */
		private static final int CAREFUL_STEPS = 2 * Snapshots.FETCH_ROWS;

		private Key key;

		private int carefulSteps;

		Cursor(Key before) {
			this.key = before;
		}

		Key key() {
			return this.key;
		}

		void moveTo(Key key) {
			this.key = key;
			this.carefulSteps = Math.max(0, this.carefulSteps - 1);
		}

		/** Whether to read one by one. */
		boolean isCareful() {
			return this.carefulSteps > 0;
		}

		void beCareful() {
			this.carefulSteps = CAREFUL_STEPS;
		}

	}

}
