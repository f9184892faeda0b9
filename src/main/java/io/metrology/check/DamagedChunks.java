package io.metrology.check;

import java.sql.SQLException;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;

import io.metrology.check.CheckedChunk.Key;
import io.metrology.check.ChunkRows.Cursor;
import org.jspecify.annotations.Nullable;

/** Says what cannot be read where reading chunks failed, and where to go on. */
class DamagedChunks {

	private final ChunkRows chunkRows;

	private final ChannelRows channelRows;

	private final @Nullable UUID stream;

	private final Consumer<Finding> findings;

	DamagedChunks(ChunkRows chunkRows, ChannelRows channelRows, @Nullable UUID stream, Consumer<Finding> findings) {
		this.chunkRows = chunkRows;
		this.channelRows = channelRows;
		this.stream = stream;
		this.findings = findings;
	}

	/**
	 * Narrows a page that cannot be read down to the chunk, and goes on behind that.
	 * @param cursor as far as could be read
	 * @return whether to go on
	 */
	boolean pass(Cursor cursor, String damage) throws SQLException {
		if (cursor.isCareful()) {
			Optional<Key> passed = passChunk(cursor.key(), damage);
			if (passed.isEmpty()) {
				return false;
			}
			cursor.moveTo(passed.get());
		}
		cursor.beCareful();
		return true;
	}

	/** Returns the place to go on behind, empty at the end. */
	private Optional<Key> passChunk(Key last, String damage) throws SQLException {
		try {
			Optional<Key> damaged = this.chunkRows.keyAfter(last);
			damaged.ifPresent((key) -> report(key.toString(), "it cannot be read: " + damage));
			return damaged;
		}
		catch (SQLException ex) {
			return passHidden(last, Damage.of(ex));
		}
	}

	/**
	 * Passes over keys that cannot be read themselves, by a damaged page of the table or
	 * of its index: by longer and longer steps within the channel, so that not many more
	 * are passed than have to be.
	 */
	private Optional<Key> passHidden(Key last, String firstDamage) throws SQLException {
		String damage = firstDamage;
		Key place = last;
		for (int step = 1; place.chunkIndex() < Integer.MAX_VALUE; step *= 2) {
			try {
				boolean more = this.chunkRows.hasMoreOfChannel(place);
				reportHidden(last, place, damage);
				return more ? Optional.of(place) : nextChannel(last);
			}
			catch (SQLException ex) {
				damage = Damage.of(ex);
				place = place.plus(step);
			}
		}
		reportHidden(last, place, damage);
		return nextChannel(last);
	}

	private void reportHidden(Key last, Key place, String damage) {
		if (!place.equals(last)) {
			report(last.channel(), "not all of chunk_index %d to %d can be read: %s".formatted(last.chunkIndex() + 1,
					place.chunkIndex(), damage));
		}
	}

	private Optional<Key> nextChannel(Key last) throws SQLException {
		try {
			return this.channelRows.keys(last, this.stream, 1).stream().findFirst();
		}
		catch (SQLException ex) {
			report(last.channel(), "no chunks of channels behind it can be read: " + Damage.of(ex));
			return Optional.empty();
		}
	}

	private void report(String subject, String fault) {
		this.findings.accept(new Finding(subject, fault));
	}

}
