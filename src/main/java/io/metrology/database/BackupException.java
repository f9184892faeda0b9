package io.metrology.database;

import org.jspecify.annotations.Nullable;

/** A backup cannot be made, for a reason that an operator can act on. */
public class BackupException extends RuntimeException {

	BackupException(String message) {
		this(message, null);
	}

	BackupException(String message, @Nullable Throwable cause) {
		super(message, cause);
	}

}
