package io.metrology.stream;

import com.fasterxml.jackson.annotation.JsonValue;

/** How a stream stands. */
enum StreamStatus {

	/** It had a chunk, or was made, within {@code metrology.stream.idle-after}. */
	ACTIVE("stream_active"),
	/** It is silent for longer than that; a chunk revives it. */
	INTERRUPTED("stream_interrupted"),
	/** It was finalized. */
	SUCCESS("success");

	private final String code;

	StreamStatus(String code) {
		this.code = code;
	}

	@JsonValue
	String code() {
		return this.code;
	}

	static StreamStatus of(boolean isFinalized, boolean isIdle) {
		if (isFinalized) {
			return SUCCESS;
		}
		return isIdle ? INTERRUPTED : ACTIVE;
	}

}
