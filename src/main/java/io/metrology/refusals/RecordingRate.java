package io.metrology.refusals;

/**
 * Limits how much is recorded per second. A budget of one second is available at once. A
 * large body may overdraw the budget of bytes, and the next one waits for that: so any
 * body up to its own limit can be recorded.
 */
class RecordingRate {

	private static final double NANOS = 1e9;

	private final double records;

	private final double bytes;

	private double freeRecords;

	private double freeBytes;

	private long updatedAt;

	RecordingRate(int recordsPerSecond, long bytesPerSecond) {
		this.records = recordsPerSecond;
		this.bytes = bytesPerSecond;
		this.freeRecords = recordsPerSecond;
		this.freeBytes = bytesPerSecond;
		this.updatedAt = System.nanoTime();
	}

	/** Takes a record of so many bytes from the budget. Returns false if none is left. */
	synchronized boolean take(long length) {
		long now = System.nanoTime();
		double seconds = (now - this.updatedAt) / NANOS;
		this.updatedAt = now;
		this.freeRecords = Math.min(this.records, this.freeRecords + seconds * this.records);
		this.freeBytes = Math.min(this.bytes, this.freeBytes + seconds * this.bytes);
		if (this.freeRecords < 1 || this.freeBytes <= 0) {
			return false;
		}
		this.freeRecords--;
		this.freeBytes -= length;
		return true;
	}

	/** Takes more bytes for a record, as decompression showed them. */
	synchronized void takeMore(long bytes) {
		this.freeBytes -= Math.max(0, bytes);
	}

}
