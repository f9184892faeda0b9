package io.metrology;

import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;

import io.metrology.StoredChannel.StoredChunk;
import io.metrology.TestPostgres.TestDatabase;

/**
 * What PostgreSQL holds, read by JDBC past the service. One connection, so for one thread
 * at a time.
 */
public final class StoredRows implements AutoCloseable {

	private static final String STREAM = """
			SELECT count(*)
			  FROM stream
			 WHERE data_id = ?
			""";

	/** A chunk without a channel, or a channel without a chunk, shows as well. */
	private static final String CHANNELS = """
			SELECT coalesce(c.channel_name, 'orphan of ' || k.channel_name),
			       c.units,
			       c.total_points,
			       c.chunk_count,
			       c.highest_chunk_index,
			       c.revision,
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
			       c.earliest_time,
			       c.latest_time,
			       c.latest_chunk_index
			  FROM (SELECT * FROM channel WHERE data_id = ?) c
			  FULL JOIN (SELECT * FROM chunk WHERE data_id = ?) k
			    ON c.channel_name = k.channel_name
			""";

	/** Dimensions, flags, element type, length and lower bound. */
	private static final int ARRAY_HEADER = 5 * Integer.BYTES;

	private final Connection connection;

	private final PreparedStatement stream;

	private final PreparedStatement channels;

	public StoredRows(TestDatabase database) throws SQLException {
		this.connection = database.connect();
		this.stream = this.connection.prepareStatement(STREAM);
		this.channels = this.connection.prepareStatement(CHANNELS);
	}

	/** How many rows the stream has, at most one. */
	public long streams(UUID dataId) throws SQLException {
		this.stream.setObject(1, dataId);
		try (ResultSet row = this.stream.executeQuery()) {
			row.next();
			return row.getLong(1);
		}
	}

	/** The channels of a stream by name, with their chunks, in one snapshot. */
	public SortedMap<String, StoredChannel> channels(UUID dataId) throws SQLException {
		this.channels.setObject(1, dataId);
		this.channels.setObject(2, dataId);
		SortedMap<String, StoredChannel> found = new TreeMap<>();
		try (ResultSet row = this.channels.executeQuery()) {
			while (row.next()) {
				StoredChannel channel = found.computeIfAbsent(row.getString(1), (name) -> channel(row));
				if (row.getObject(7) != null) {
					channel.chunks().put(row.getInt(7), chunk(row));
				}
			}
		}
		return found;
	}

	/** The first column of all rows of a query, as texts. */
	public List<String> texts(String query) throws SQLException {
		List<String> texts = new ArrayList<>();
		try (PreparedStatement statement = this.connection.prepareStatement(query);
				ResultSet row = statement.executeQuery()) {
			while (row.next()) {
				texts.add(row.getString(1));
			}
		}
		return texts;
	}

	/** The single text that a query finds. */
	public String text(String query) throws SQLException {
		List<String> texts = texts(query);
		if (texts.size() != 1) {
			throw new AssertionError(texts.size() + " rows, not one: " + query);
		}
		return texts.get(0);
	}

	/** Runs statements of the test's own. */
	public void execute(String sql) throws SQLException {
		try (PreparedStatement statement = this.connection.prepareStatement(sql)) {
			statement.execute();
		}
	}

	private static StoredChannel channel(ResultSet row) {
		try {
			return new StoredChannel(row.getString(2), row.getLong(3), row.getLong(4), row.getInt(5), row.getLong(6),
					row.getObject(18, Double.class), row.getObject(19, Double.class), row.getInt(20), new TreeMap<>());
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static StoredChunk chunk(ResultSet row) throws SQLException {
		return new StoredChunk(row.getInt(8), row.getLong(9), HexFormat.of().formatHex(row.getBytes(10)),
				row.getObject(11, Double.class), row.getObject(12, Double.class), row.getObject(13, Double.class),
				row.getObject(14, Double.class), row.getInt(15), doubles(row.getBytes(16)), doubles(row.getBytes(17)));
	}

	/**
	 * The elements of a one-dimensional {@code float8[]}, from what {@code array_send}
	 * gives.
	 */
	private static List<Double> doubles(byte[] sent) {
		List<Double> doubles = new ArrayList<>();
		ByteBuffer bytes = ByteBuffer.wrap(sent);
		bytes.position(ARRAY_HEADER);
		while (bytes.hasRemaining()) {
			bytes.getInt();
			doubles.add(bytes.getDouble());
		}
		return doubles;
	}

	@Override
	public void close() throws SQLException {
		this.connection.close();
	}

}
