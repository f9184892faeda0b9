package io.metrology.database;

/** Another process runs a server on the data folder. */
class FolderInUseException extends DatabaseStartException {

	FolderInUseException(String problem, String action) {
		super(problem, action);
	}

}
