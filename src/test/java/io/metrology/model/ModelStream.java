package io.metrology.model;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;

import io.metrology.StoredChannel;
import io.metrology.StoredChannel.StoredChunk;
import io.metrology.model.Step.CorrectUnits;
import io.metrology.model.Step.Ingest;
import io.metrology.model.Step.Multi;

/**
 * What the contract says of a stream, with nothing carried: every sum is added up anew
 * from the chunks held.
 */
final class ModelStream {

	private final UUID dataId;

	private SortedMap<String, ModelChannel> channels = new TreeMap<>();

	private boolean known;

	private End end = End.OPEN;

	/**
	 * Makes the model.
	 * @param known whether the stream was initialized
	 */
	ModelStream(UUID dataId, boolean known) {
		this.dataId = dataId;
		this.known = known;
	}

	boolean isKnown() {
		return this.known;
	}

	Expected ingest(Ingest step) {
		SortedMap<String, ModelChannel> changed = new TreeMap<>(this.channels);
		Expected expected = ingest(step, changed);
		if (expected.status() == 201) {
			this.known = true;
			this.channels = changed;
		}
		return expected;
	}

	/** All of its chunks, or none. */
	Expected ingest(Multi step) {
		SortedMap<String, ModelChannel> changed = new TreeMap<>(this.channels);
		List<Expected> each = step.chunks().stream().map((chunk) -> ingest(chunk, changed)).toList();
		for (Expected expected : each) {
			if (expected.status() >= 400) {
				return expected;
			}
		}
		if (!step.validateOnly()) {
			this.known = true;
			this.channels = changed;
		}
		return Expected.of(each.get(0).status(), each.stream().map(Expected::body).toList());
	}

	private Expected ingest(Ingest step, SortedMap<String, ModelChannel> changed) {
		if (this.end == End.DELETED) {
			return Expected.refused(410, "stream_deleted", true);
		}
		ModelChannel before = changed.getOrDefault(step.channel(), ModelChannel.EMPTY);
		String hash = hash(step);
		StoredChunk held = before.chunks().get(step.index());
		boolean sameUnits = step.units() == null || step.units().equals(before.units());
		if (held != null && held.hash().equals(hash) && sameUnits) {
			return receipt(step, before, "unchanged", hash);
		}
		if (this.end == End.FINALIZED) {
			return Expected.refused(409, "stream_finalized", true);
		}
		if (before.units() != null && !sameUnits) {
			return Expected.refused(409, "units_mismatch", true);
		}
		ModelChannel after = before.with(step, hash);
		changed.put(step.channel(), after);
		return receipt(step, after, (held != null) ? "replaced" : "created", hash);
	}

	/**
	 * Ends the stream.
	 * @param mismatch whether something else was announced than any stream holds
	 */
	Expected finish(boolean mismatch) {
		if (!this.known || this.end == End.DELETED) {
			return absent();
		}
		if (mismatch) {
			return Expected.refused(409, "manifest_mismatch", false);
		}
		if (this.end != End.FINALIZED) {
			this.end = End.FINALIZED;
			this.channels.replaceAll((name, channel) -> channel.ended());
		}
		return Expected.partly(200, Map.of("data_id", this.dataId));
	}

	Expected delete() {
		if (!this.known) {
			return absent();
		}
		this.end = End.DELETED;
		this.channels.clear();
		return Expected.of(204, null);
	}

	private Expected absent() {
		return this.known ? Expected.refused(410, "stream_deleted", false)
				: Expected.refused(404, "stream_unknown", false);
	}

	Expected correctUnits(CorrectUnits step) {
		ModelChannel before = this.channels.get(step.channel());
		if (!this.known || this.end == End.DELETED) {
			return absent();
		}
		if (before == null) {
			return Expected.refused(404, "channel_unknown", false);
		}
		this.channels.put(step.channel(), new ModelChannel(step.units(), before.revision() + 1, before.chunks()));
		Map<String, Object> body = new LinkedHashMap<>();
		body.put("data_id", this.dataId);
		body.put("channel_name", step.channel());
		body.put("units", step.units());
		body.put("total_points", before.totalPoints());
		return Expected.of(200, body);
	}

	/** The rows that must be there. */
	SortedMap<String, StoredChannel> rows() {
		SortedMap<String, StoredChannel> rows = new TreeMap<>();
		this.channels.forEach((name, channel) -> rows.put(name, channel.row()));
		return rows;
	}

	private Expected receipt(Ingest step, ModelChannel channel, String outcome, String hash) {
		return new Expected(step.validateOnly() ? 200 : 201, Map.of("data_id", this.dataId, "channel_name",
				step.channel(), "chunk_index", step.index(), "total_points", channel.totalPoints()), true, outcome,
				hash);
	}

	/**
	 * {@code writeDouble} gives big-endian doubles, and every NaN as the canonical one.
	 */
	private static String hash(Ingest step) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (DataOutputStream out = new DataOutputStream(bytes)) {
			for (double timestamp : step.timestamps()) {
				out.writeDouble(timestamp);
			}
			for (double value : step.values()) {
				out.writeDouble(value);
			}
			return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.toByteArray()));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/** Whether, and how, the stream has ended. */
	private enum End {

		OPEN, FINALIZED, DELETED

	}

	/**
	 * What the contract says of a channel.
	 *
	 * @param units its units, or null
	 * @param revision how often it was changed
	 * @param chunks its chunks by index
	 */
	private record ModelChannel(String units, long revision, SortedMap<Integer, StoredChunk> chunks) {

		static final ModelChannel EMPTY = new ModelChannel(null, 0, new TreeMap<>());

		ModelChannel with(Ingest step, String hash) {
			SortedMap<Integer, StoredChunk> changed = new TreeMap<>(this.chunks);
			changed.put(step.index(), chunk(step, this.revision + 1, hash));
			return new ModelChannel((this.units != null) ? this.units : step.units(), this.revision + 1, changed);
		}

		/** The end of its stream is a change, too. */
		ModelChannel ended() {
			return new ModelChannel(this.units, this.revision + 1, this.chunks);
		}

		long totalPoints() {
			return this.chunks.values().stream().mapToLong((chunk) -> chunk.values().size()).sum();
		}

		StoredChannel row() {
			Double latest = Collections.max(this.chunks.values().stream().map(StoredChunk::latestTime).toList());
			int latestIndex = Collections.max(this.chunks.keySet()
				.stream()
				.filter((index) -> this.chunks.get(index).latestTime().equals(latest))
				.toList());
			return new StoredChannel(this.units, totalPoints(), this.chunks.size(), this.chunks.lastKey(),
					this.revision,
					Collections.min(this.chunks.values().stream().map(StoredChunk::earliestTime).toList()), latest,
					latestIndex, this.chunks);
		}

		private static StoredChunk chunk(Ingest step, long revision, String hash) {
			List<Double> present = step.values().stream().filter((value) -> !value.isNaN()).toList();
			return new StoredChunk(step.values().size(), revision, hash, Collections.min(step.timestamps()),
					Collections.max(step.timestamps()), present.isEmpty() ? null : Collections.min(present),
					present.isEmpty() ? null : Collections.max(present), step.values().size() - present.size(),
					step.timestamps(), step.values());
		}

	}

}
