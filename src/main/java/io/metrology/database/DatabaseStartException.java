package io.metrology.database;

import org.jspecify.annotations.Nullable;

/**
 * The service, or a command, cannot start because of its database, for a reason that an
 * operator can act on. Its texts never contain a password.
 */
public class DatabaseStartException extends RuntimeException {

	private final String problem;

	private final String action;

	DatabaseStartException(String problem, String action) {
		this(problem, action, null);
	}

	DatabaseStartException(String problem, String action, @Nullable Throwable cause) {
		super(problem, cause);
		this.problem = problem;
		this.action = action;
	}

	/** Returns what is wrong. */
	public String problem() {
		return this.problem;
	}

	/** Returns what the operator can do about it. */
	public String action() {
		return this.action;
	}

}
