package io.metrology.ingest;

/**
 * A COMMIT was sent and its answer was not received: the batch is stored, or it is not.
 */
class CommitUnknownException extends RuntimeException {

	CommitUnknownException() {
		super("The thread that sent the COMMIT did not say what became of it");
	}

	CommitUnknownException(Throwable cause) {
		super("The connection was lost during COMMIT", cause);
	}

}
