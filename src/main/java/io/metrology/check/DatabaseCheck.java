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
 * What cannot be read is reported, too, and the check goes on behind it. Memory is
 * bounded, whatever the database holds.
 */
public final class DatabaseCheck implements AutoCloseable {

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
		attempt("table stream", "not all of it can be read", this::checkStreams);
		checkChannels(null);
		checkChunks(null);
		return checked();
	}

	/** Checks some streams, which should exist. */
	public Checked streams(Collection<UUID> dataIds) throws SQLException {
		for (UUID dataId : dataIds) {
			attempt(Finding.of(dataId), "it cannot be checked",
					() -> this.streamRows.find(dataId)
						.ifPresentOrElse(this::checkStream,
								() -> report(Finding.of(dataId), List.of("there is no such stream"))));
			checkChannels(dataId);
			checkChunks(dataId);
		}
		return checked();
	}

	private void checkStreams() throws SQLException {
		List<StreamRows.Row> page = this.streamRows.page(Key.before(null).dataId());
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
		attempt("table channel", "not all of it can be read", () -> {
			Optional<Key> last = checkChannels(Key.before(stream), stream);
			while (last.isPresent()) {
				last = checkChannels(last.get(), stream);
			}
		});
	}

	/** Returns the last of a page, empty at the end. */
	private Optional<Key> checkChannels(Key after, @Nullable UUID stream) throws SQLException {
		List<Key> keys;
		try {
			List<ChannelRows.Row> page = this.channelRows.page(after, stream);
			keys = page.stream().map(ChannelRows.Row::key).toList();
			for (ChannelRows.Row channel : page) {
				attempt(channel.key().channel(), "it cannot be checked", () -> checkChannel(channel));
			}
		}
		catch (SQLException ex) {
			Damage.of(ex);
			keys = this.channelRows.keys(after, stream, ChannelRows.PAGE_ROWS);
			for (Key key : keys) {
				attempt(key.channel(), "it cannot be checked", () -> checkChannel(key));
			}
		}
		return keys.isEmpty() ? Optional.empty() : Optional.of(keys.get(keys.size() - 1));
	}

	private void checkChannel(Key key) throws SQLException {
		Optional<ChannelRows.Row> channel = this.channelRows.find(key);
		if (channel.isPresent()) {
			checkChannel(channel.get());
		}
	}

	private void checkChannel(ChannelRows.Row channel) throws SQLException {
		this.channels++;
		if (!channel.faults().isEmpty()) {
			Optional<ChannelRows.Row> now = this.channelRows.find(channel.key());
			report(channel.key().channel(), now.map(ChannelRows.Row::faults).orElse(List.of()));
		}
	}

	private void checkChunks(@Nullable UUID stream) throws SQLException {
		ChunkRows rows = new ChunkRows(this.snapshots, stream);
		DamagedChunks damaged = new DamagedChunks(rows, this.channelRows, stream, this::report);
		Cursor cursor = new Cursor(Key.before(stream));
		boolean more;
		do {
			List<Key> suspects = new ArrayList<>();
			List<ChannelTally> complete = new ArrayList<>();
			more = readPage(rows, damaged, cursor, suspects, complete);
			// Only now, as a page's snapshot has ended.
			for (Key suspect : suspects) {
				attempt(suspect.toString(), "it cannot be read",
						() -> report(suspect.toString(),
								rows.find(suspect)
									.filter((chunk) -> !chunk.isToBePurged())
									.map(CheckedChunk::faults)
									.orElse(List.of())));
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
	private boolean readPage(ChunkRows rows, DamagedChunks damaged, Cursor cursor, List<Key> suspects,
			List<ChannelTally> complete) throws SQLException {
		try {
			return rows.page(cursor, (chunk) -> {
				count(chunk, complete);
				if (!chunk.isToBePurged() && !chunk.faults().isEmpty()) {
					suspects.add(chunk.key());
				}
			});
		}
		catch (SQLException ex) {
			return damaged.pass(cursor, Damage.of(ex));
		}
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
			attempt(key.channel(), "its sums cannot be compared with its chunks",
					() -> report(key.channel(), this.channelRows.faultsOfSums(key)));
		}
	}

	/** What cannot be read in a part of the check is a finding. */
	private void attempt(String subject, String fault, Part part) throws SQLException {
		try {
			part.check();
		}
		catch (SQLException ex) {
			report(subject, List.of(fault + ": " + Damage.of(ex)));
		}
	}

	private void report(String subject, List<String> faults) {
		faults.forEach((fault) -> report(new Finding(subject, fault)));
	}

	private void report(Finding finding) {
		this.found++;
		this.findings.accept(finding);
	}

	private Checked checked() {
		return new Checked(this.streams, this.channels, this.chunks, this.points, this.toBePurged, this.found);
	}

	@Override
	public void close() throws SQLException {
		this.snapshots.close();
	}

	/** A part of the check. */
	private interface Part {

		void check() throws SQLException;

	}

}
