package io.metrology.database;

import org.jspecify.annotations.Nullable;

/**
 * The service cannot start because of its database, for a reason that an operator can act
 * on. Its texts never contain a password.
 */
class DatabaseStartException extends RuntimeException {

	private final String action;

	DatabaseStartException(String message, String action) {
		this(message, action, null);
	}

	DatabaseStartException(String message, String action, @Nullable Throwable cause) {
		super(message, cause);
		this.action = action;
	}

	/** Returns what the operator can do about it. */
	String action() {
		return this.action;
	}

}
