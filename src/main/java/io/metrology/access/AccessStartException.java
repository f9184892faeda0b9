package io.metrology.access;

/**
 * The service must not start as it is set up, for a reason that an operator can act on.
 * Its texts never contain a key.
 */
class AccessStartException extends RuntimeException {

	private final String action;

	AccessStartException(String problem, String action) {
		super(problem);
		this.action = action;
	}

	/** What the operator can do about it. */
	String action() {
		return this.action;
	}

}
