package io.metrology.ingest;

/**
 * The service is being stopped, and a submission was not taken or was withdrawn: nothing
 * of it is stored.
 */
class LaneClosedException extends RuntimeException {

	LaneClosedException() {
		super("The lane takes nothing any more");
	}

}
