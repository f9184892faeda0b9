package io.metrology.check;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;

import javax.sql.DataSource;

import io.metrology.check.CheckedChunk.Key;
import io.metrology.check.ChunkRows.Cursor;
import org.jspecify.annotations.Nullable;

/**
 * Checks that everything in a database agrees with everything else: each chunk with its
 * own arrays, each channel with its chunks, each row with what it belongs to. It runs
 * beside the service, under any load: what is compared is of one snapshot, no snapshot
 * lasts long, and what looks wrong is looked at again, by itself, before it is reported.
 * Memory is bounded, whatever the database holds.
 */
public final class DatabaseCheck implements AutoCloseable {

	/** Before any that the service makes. */
	private static final UUID FIRST = new UUID(0, 0);

	/**
	 * Data that cannot be read back: a page's checksum, a broken value, an array that
	 * claims to be larger than memory.
	 */
	private static final List<String> DAMAGE = List.of("XX", "22", "54");

	private final Snapshots snapshots;

	private final StreamRows streamRows;

	private final ChannelRows channelRows;

	private final Consumer<Finding> findings;

	private final Consumer<Checked> progress;

	private long streams;

	private long channels;

	private long chunks;

	private long points;

	private long toBePurged;

	private long found;

	private @Nullable ChannelTally tally;

	/**
	 * Makes a check.
	 * @param dataSource the database; reading it is enough
	 * @param findings is told what is not as it should be, as soon as that is certain
	 * @param progress is told after each page how far the check has come
	 */
	public DatabaseCheck(DataSource dataSource, Consumer<Finding> findings, Consumer<Checked> progress) {
		this.snapshots = new Snapshots(dataSource);
		this.streamRows = new StreamRows(this.snapshots);
		this.channelRows = new ChannelRows(this.snapshots);
		this.findings = findings;
		this.progress = progress;
	}

	/** About how many chunks there are, by PostgreSQL's statistics; 0 if unknown. */
	public long estimatedChunks() throws SQLException {
		return this.snapshots.read("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'chunk'::regclass",
				List.of(), (rows) -> rows.next() ? rows.getLong(1) : 0);
	}

	/** Checks the whole database. */
	public Checked all() throws SQLException {
		checkStreams();
		checkChannels(null);
		checkChunks(null);
		return checked();
	}

	/** Checks some streams, which should exist. */
	public Checked streams(Collection<UUID> dataIds) throws SQLException {
		for (UUID dataId : dataIds) {
			StreamRows.Row stream = this.streamRows.find(dataId);
			if (stream == null) {
				report(Finding.of(dataId), List.of("there is no such stream"));
			}
			else {
				checkStream(stream);
			}
			checkChannels(dataId);
			checkChunks(dataId);
		}
		return checked();
	}

	private void checkStreams() throws SQLException {
		List<StreamRows.Row> page = this.streamRows.page(FIRST);
		while (!page.isEmpty()) {
			page.forEach(this::checkStream);
			page = this.streamRows.page(page.get(page.size() - 1).dataId());
		}
	}

	private void checkStream(StreamRows.Row stream) {
		this.streams++;
		if (stream.purgedAlive()) {
			report(Finding.of(stream.dataId()), List.of("purged_at is set, though deleted_at is not"));
		}
	}

	private void checkChannels(@Nullable UUID stream) throws SQLException {
		List<ChannelRows.Row> page = this.channelRows.page((stream != null) ? stream : FIRST, "", stream);
		while (!page.isEmpty()) {
			for (ChannelRows.Row channel : page) {
				checkChannel(channel);
			}
			ChannelRows.Row last = page.get(page.size() - 1);
			page = this.channelRows.page(last.dataId(), last.name(), stream);
		}
	}

	private void checkChannel(ChannelRows.Row channel) throws SQLException {
		this.channels++;
		if (!channel.faults().isEmpty()) {
			Optional<ChannelRows.Row> now = this.channelRows.find(channel);
			report(Finding.of(channel.dataId(), channel.name()), now.map(ChannelRows.Row::faults).orElse(List.of()));
		}
	}

	private void checkChunks(@Nullable UUID stream) throws SQLException {
		ChunkRows rows = new ChunkRows(this.snapshots, stream);
		Cursor cursor = new Cursor(Key.before((stream != null) ? stream : FIRST));
		boolean more;
		do {
			List<Key> suspects = new ArrayList<>();
			List<ChannelTally> complete = new ArrayList<>();
			more = readPage(rows, cursor, suspects, complete);
			// Only now, as a page's snapshot has ended.
			for (Key suspect : suspects) {
				report(suspect.toString(),
						rows.find(suspect)
							.filter((chunk) -> !chunk.isToBePurged())
							.map(CheckedChunk::faults)
							.orElse(List.of()));
			}
			for (ChannelTally channel : complete) {
				checkSums(channel);
			}
			this.progress.accept(checked());
		}
		while (more);
		if (this.tally != null) {
			checkSums(this.tally);
			this.tally = null;
		}
	}

	/** Returns whether to go on. */
	private boolean readPage(ChunkRows rows, Cursor cursor, List<Key> suspects, List<ChannelTally> complete)
			throws SQLException {
		try {
			return rows.page(cursor, (chunk) -> {
				count(chunk, complete);
				if (!chunk.isToBePurged() && !chunk.faults().isEmpty()) {
					suspects.add(chunk.key());
				}
			});
		}
		catch (SQLException ex) {
			if (DAMAGE.stream().noneMatch(String.valueOf(ex.getSQLState())::startsWith)) {
				throw ex;
			}
			return passDamage(rows, cursor, ex);
		}
	}

	/** Narrows a page that cannot be read down to the chunk, and goes on behind that. */
	private boolean passDamage(ChunkRows rows, Cursor cursor, SQLException damage) throws SQLException {
		boolean single = cursor.isCareful();
		if (single) {
			Optional<Key> damaged = rows.keyAfter(cursor.key());
			if (damaged.isEmpty()) {
				return false;
			}
			report(damaged.get().toString(), List.of("it cannot be read: " + damage.getMessage()));
			cursor.moveTo(damaged.get());
		}
		cursor.beCareful();
		return true;
	}

	private void count(CheckedChunk chunk, List<ChannelTally> complete) {
		this.chunks++;
		this.points += chunk.pointCount();
		this.toBePurged += chunk.isToBePurged() ? 1 : 0;
		if (this.tally == null || !this.tally.isOf(chunk)) {
			if (this.tally != null) {
				complete.add(this.tally);
			}
			this.tally = new ChannelTally(chunk);
		}
		this.tally.add(chunk);
	}

	private void checkSums(ChannelTally channel) throws SQLException {
		if (channel.isSuspect()) {
			Key key = channel.key();
			report(Finding.of(key.dataId(), key.channelName()),
					this.channelRows.faultsOfSums(key.dataId(), key.channelName()));
		}
	}

	private void report(String subject, List<String> faults) {
		this.found += faults.size();
		faults.forEach((fault) -> this.findings.accept(new Finding(subject, fault)));
	}

	private Checked checked() {
		return new Checked(this.streams, this.channels, this.chunks, this.points, this.toBePurged, this.found);
	}

	@Override
	public void close() throws SQLException {
		this.snapshots.close();
	}

}
