package io.metrology.http;

import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;

/**
 * What an SQLSTATE says about trying again.
 *
 * @param code the five characters, empty where the failure carries none
 * @see <a href=
 * "https://www.postgresql.org/docs/current/errcodes-appendix.html">PostgreSQL error
 * codes</a>
 */
public record Sqlstate(String code) {

	/** The connection does not exist. */
	private static final String READ_ONLY = "25006";

	private static final String LOCK_TIMEOUT = "55P03";

	private static final String STATEMENT_TIMEOUT = "57014";

	private static final String NO_CONNECTION = "08003";

	/**
	 * The SQLSTATE of the nearest {@link SQLException} among the causes. Where none of
	 * them has one, it is the pool that speaks: it closed a connection that broke, and
	 * now even the rollback fails.
	 */
	public static Sqlstate of(Throwable failure) {
		String code = "";
		for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
			if (cause instanceof SQLTransientConnectionException) {
				return new Sqlstate("08000");
			}
			if (cause instanceof SQLException sql) {
				if (sql.getSQLState() != null) {
					return new Sqlstate(sql.getSQLState());
				}
				code = NO_CONNECTION;
			}
		}
		return new Sqlstate(code);
	}

	/**
	 * Whether the same transaction may succeed when it is tried again: the connection was
	 * lost (08), a deadlock or a serialization failure (40), resources or disk were short
	 * (53), an operator intervened, the server restarts or a statement timed out (57), a
	 * lock was not had in time (55P03), or the server is read-only, as a standby is
	 * during a failover (25006).
	 */
	public boolean isWorthRetrying() {
		return switch (classCode()) {
			case "08", "40", "53", "57", "58" -> true;
			default -> this.code.equals(READ_ONLY) || this.code.equals(LOCK_TIMEOUT);
		};
	}

	/**
	 * Whether a COMMIT that failed this way may have been done all the same: the
	 * connection was lost or the server went away, rather than said no.
	 */
	public boolean leavesCommitUnknown() {
		return this.code.isEmpty() || classCode().equals("08") || classCode().equals("57");
	}

	/**
	 * Whether the failure was the server's or the connection's, and not the statement's.
	 */
	public boolean isServerGone() {
		return classCode().equals("08") || this.code.startsWith("57P");
	}

	/** Whether a lock was not had in time, or a statement took too long. */
	public boolean isTimeout() {
		return this.code.equals(LOCK_TIMEOUT) || this.code.equals(STATEMENT_TIMEOUT);
	}

	/**
	 * Whether another server may have taken over: this one was lost, or it is a standby.
	 */
	public boolean leavesServerUnknown() {
		return this.code.isEmpty() || isServerGone() || this.code.equals(READ_ONLY);
	}

	private String classCode() {
		return (this.code.length() >= 2) ? this.code.substring(0, 2) : "";
	}

	@Override
	public String toString() {
		return this.code.isEmpty() ? "no SQLSTATE" : this.code;
	}

}
