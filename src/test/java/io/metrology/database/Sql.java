package io.metrology.database;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** Asks an embedded server directly. */
final class Sql {

	private Sql() {
	}

	static void execute(EmbeddedServer server, String sql) throws SQLException {
		try (Connection connection = connect(server); Statement statement = connection.createStatement()) {
			statement.execute(sql);
		}
	}

	static String value(EmbeddedServer server, String query) throws SQLException {
		try (Connection connection = connect(server)) {
			return value(connection, query);
		}
	}

	static String value(Connection connection, String query) throws SQLException {
		try (Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(query)) {
			row.next();
			return row.getString(1);
		}
	}

	private static Connection connect(EmbeddedServer server) throws SQLException {
		return DriverManager.getConnection(server.url(), server.username(), server.password());
	}

}
