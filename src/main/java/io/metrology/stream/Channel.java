package io.metrology.stream;

import java.io.Serializable;
import java.time.Instant;
import java.util.UUID;

import jakarta.persistence.Column;
import jakarta.persistence.Embeddable;
import jakarta.persistence.EmbeddedId;
import jakarta.persistence.Entity;
import org.jspecify.annotations.Nullable;

/**
 * One measured quantity of a stream. Its sums are carried by the transactions that write
 * chunks, and read only here.
 */
@Entity
class Channel {

	@EmbeddedId
	private Key key;

	private @Nullable String units;

	@Column(insertable = false, updatable = false)
	private long totalPoints;

	@Column(insertable = false, updatable = false)
	private long chunkCount;

	@Column(insertable = false, updatable = false)
	private int highestChunkIndex;

	@Column(insertable = false, updatable = false)
	private long revision;

	private @Nullable UUID unitsBy;

	@Column(insertable = false, updatable = false)
	private Instant lastReceivedAt;

	/** For JPA. */
	@SuppressWarnings("NullAway.Init")
	protected Channel() {
	}

	String name() {
		return this.key.channelName();
	}

	@Nullable String units() {
		return this.units;
	}

	long totalPoints() {
		return this.totalPoints;
	}

	long chunkCount() {
		return this.chunkCount;
	}

	int highestChunkIndex() {
		return this.highestChunkIndex;
	}

	Instant lastReceivedAt() {
		return this.lastReceivedAt;
	}

	/**
	 * What identifies a channel.
	 *
	 * @param dataId its stream
	 * @param channelName its name
	 */
	@Embeddable
	record Key(UUID dataId, String channelName) implements Serializable {

	}

}
