package io.metrology.ingest;

import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;

/**
 * The keys that a batch is about, and their way into statements, as parallel arrays.
 *
 * @param streams the streams, once each
 * @param channels the channels, once each, in key order: that in which they are locked
 * @param chunks the chunks
 */
record BatchKeys(Set<UUID> streams, Set<ChunkKey.Channel> channels, List<ChunkKey> chunks) {

	static BatchKeys of(List<Submission> batch) {
		Set<UUID> streams = new LinkedHashSet<>();
		Set<ChunkKey.Channel> channels = new TreeSet<>();
		List<ChunkKey> chunks = batch.stream()
			.flatMap((submission) -> submission.chunks().stream())
			.map(Chunk::key)
			.toList();
		for (ChunkKey key : chunks) {
			streams.add(key.dataId());
			channels.add(key.channel());
		}
		return new BatchKeys(streams, channels, chunks);
	}

	/** Sets the streams as one parameter, {@code uuid[]}. */
	void setStreams(PreparedStatement statement, int first) throws SQLException {
		set(statement, first, "uuid", this.streams, (dataId) -> dataId);
	}

	/** Sets the channels as two parameters, {@code uuid[]} and {@code text[]}. */
	void setChannels(PreparedStatement statement, int first) throws SQLException {
		setChannels(statement, first, this.channels);
	}

	/**
	 * Sets the chunks as three parameters, {@code uuid[]}, {@code text[]} and
	 * {@code int4[]}.
	 */
	void setChunks(PreparedStatement statement, int first) throws SQLException {
		set(statement, first, "uuid", this.chunks, ChunkKey::dataId);
		set(statement, first + 1, "text", this.chunks, ChunkKey::channelName);
		set(statement, first + 2, "int4", this.chunks, ChunkKey::chunkIndex);
	}

	static void setChannels(PreparedStatement statement, int first, Collection<ChunkKey.Channel> channels)
			throws SQLException {
		set(statement, first, "uuid", channels, ChunkKey.Channel::dataId);
		set(statement, first + 1, "text", channels, ChunkKey.Channel::channelName);
	}

	/** Sets a part of each item as one parameter, an array. */
	static <T> void set(PreparedStatement statement, int index, String type, Collection<T> items,
			Function<T, @Nullable Object> part) throws SQLException {
		statement.setArray(index, statement.getConnection().createArrayOf(type, items.stream().map(part).toArray()));
	}

}
