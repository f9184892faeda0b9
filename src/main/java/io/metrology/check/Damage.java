package io.metrology.check;

import java.sql.SQLException;
import java.util.List;

/**
 * Data that cannot be read back: a page's checksum, a broken value, an array that claims
 * to be larger than memory, a sector or a file that is gone.
 */
final class Damage {

	private static final List<String> STATES = List.of("XX", "22", "54", "58");

	private Damage() {
	}

	/** What PostgreSQL says of it; thrown again where it is anything else. */
	static String of(SQLException failure) throws SQLException {
		if (STATES.stream().noneMatch(String.valueOf(failure.getSQLState())::startsWith)) {
			throw failure;
		}
		return String.valueOf(failure.getMessage());
	}

}
