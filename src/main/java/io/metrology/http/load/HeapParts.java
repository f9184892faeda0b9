package io.metrology.http.load;

/**
 * The parts of the heap that requests may take. The service itself needs about 60 MB, so
 * that much is left out first.
 */
final class HeapParts {

	private static final long OWN_BYTES = 64L * 1024 * 1024;

	/** In a small heap at least this part remains for requests. */
	private static final int MIN_DIVISOR = 4;

	private HeapParts() {
	}

	/** Returns a part of the heap that remains for requests, in bytes. */
	static long of(double part) {
		long heap = Runtime.getRuntime().maxMemory();
		return (long) (Math.max(heap - OWN_BYTES, heap / MIN_DIVISOR) * part);
	}

}
