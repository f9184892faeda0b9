package io.metrology.stream;

import java.time.Instant;
import java.util.UUID;

import io.metrology.http.Caller;
import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import org.jspecify.annotations.Nullable;

/** A run of an instrument: a set of channels that belong together. */
@Entity
class Stream {

	@Id
	private UUID dataId;

	private UUID processedDataId;

	private @Nullable String streamName;

	private @Nullable Integer pointsPerChunk;

	private @Nullable Long synthSourceId;

	private @Nullable UUID physicalSampleId;

	private @Nullable UUID projectId;

	/** By the clock of the database. */
	@Column(insertable = false, updatable = false)
	private @Nullable Instant createdAt;

	private @Nullable UUID createdBy;

	@Column(insertable = false, updatable = false)
	private @Nullable Instant finalizedAt;

	@Column(insertable = false, updatable = false)
	private @Nullable Instant deletedAt;

	/** For JPA. */
	@SuppressWarnings("NullAway.Init")
	protected Stream() {
	}

	Stream(InitializeRequest request, Caller caller) {
		this.dataId = UUID.randomUUID();
		this.processedDataId = UUID.randomUUID();
		this.streamName = request.streamName();
		this.pointsPerChunk = request.pointsPerChunk();
		this.synthSourceId = request.synthSourceId();
		this.physicalSampleId = request.physicalSampleId();
		this.projectId = request.projectId();
		this.createdBy = caller.keyId();
	}

	UUID dataId() {
		return this.dataId;
	}

	UUID processedDataId() {
		return this.processedDataId;
	}

	@Nullable String streamName() {
		return this.streamName;
	}

	@Nullable Integer pointsPerChunk() {
		return this.pointsPerChunk;
	}

	@Nullable Long synthSourceId() {
		return this.synthSourceId;
	}

	@Nullable UUID physicalSampleId() {
		return this.physicalSampleId;
	}

	@Nullable UUID projectId() {
		return this.projectId;
	}

	@Nullable Instant createdAt() {
		return this.createdAt;
	}

	@Nullable Instant finalizedAt() {
		return this.finalizedAt;
	}

	boolean isDeleted() {
		return this.deletedAt != null;
	}

}
