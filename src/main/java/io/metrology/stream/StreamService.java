package io.metrology.stream;

import java.util.UUID;

import io.metrology.http.Caller;
import io.metrology.http.ErrorCode;
import io.metrology.http.ProblemException;
import jakarta.persistence.EntityManager;
import org.jspecify.annotations.Nullable;

import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

/** Makes and changes streams. */
@Service
class StreamService {

	private final EntityManager entities;

	private final StreamRepository streams;

	private final ChannelRepository channels;

	StreamService(EntityManager entities, StreamRepository streams, ChannelRepository channels) {
		this.entities = entities;
		this.streams = streams;
		this.channels = channels;
	}

	/** Keeps a new stream; the same one again does no harm. */
	@Transactional
	public Stream initialize(Stream stream) {
		return this.entities.merge(stream);
	}

	/**
	 * Corrects the units of a channel; null forgets them.
	 * @throws ProblemException {@code stream_unknown}, {@code stream_deleted} or
	 * {@code channel_unknown}
	 */
	@Transactional
	public Channel correctUnits(UUID dataId, String channelName, @Nullable String units, Caller caller) {
		Channel.Key key = new Channel.Key(dataId, channelName);
		if (this.channels.correctUnits(key, units, caller.keyId()) == 0) {
			requireLive(dataId);
		}
		return this.channels.findById(key)
			.orElseThrow(() -> new ProblemException(ErrorCode.CHANNEL_UNKNOWN,
					"The stream has no channel of this name (data_id " + dataId + ", channel " + channelName + ")."));
	}

	/** Throws if the stream was never made. */
	public void requireKnown(UUID dataId) {
		this.streams.findById(dataId).orElseThrow(() -> unknown(dataId));
	}

	/** Why a stream cannot be read: it was deleted, or never made. */
	public ProblemException absent(UUID dataId) {
		return this.streams.findById(dataId).isPresent() ? deleted(dataId) : unknown(dataId);
	}

	private Stream requireLive(UUID dataId) {
		Stream stream = this.streams.findById(dataId).orElseThrow(() -> unknown(dataId));
		if (stream.isDeleted()) {
			throw deleted(dataId);
		}
		return stream;
	}

	static ProblemException unknown(UUID dataId) {
		return new ProblemException(ErrorCode.STREAM_UNKNOWN, "No stream has this data_id (data_id " + dataId + ").");
	}

	static ProblemException deleted(UUID dataId) {
		return new ProblemException(ErrorCode.STREAM_DELETED, "The stream was deleted (data_id " + dataId + ").");
	}

}
