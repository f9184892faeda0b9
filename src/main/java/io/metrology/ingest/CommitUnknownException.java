package io.metrology.ingest;

/**
 * A COMMIT was sent and its answer was not received: the batch is stored, or it is not.
 */
class CommitUnknownException extends RuntimeException {

	CommitUnknownException(Throwable cause) {
		super("The connection was lost during COMMIT", cause);
	}

}
