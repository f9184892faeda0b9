package io.metrology.ingest;

/**
 * A submission waited in its queue for as long as it may, and was withdrawn: nothing of
 * it is stored.
 */
class QueueTimeoutException extends RuntimeException {

	QueueTimeoutException() {
		super("The submission was not written in time");
	}

}
