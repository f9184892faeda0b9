package io.metrology.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;

import org.postgresql.Driver;
import org.postgresql.PGProperty;

import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;

/**
 * A command's connections: made when needed, with what the service's settings say to the
 * driver, such as certificates.
 */
class CommandConnections extends SimpleDriverDataSource {

	private static final String DRIVER_SETTINGS = "spring.datasource.hikari.data-source-properties";

	private CommandConnections(String url, Properties driver) {
		super(new Driver(), url, driver);
	}

	static CommandConnections to(JdbcConnectionDetails details, Environment settings) {
		Map<String, String> configured = Binder.get(settings)
			.bind(DRIVER_SETTINGS, Bindable.mapOf(String.class, String.class))
			.orElseGet(HashMap::new);
		Properties driver = new Properties();
		driver.putAll(configured);
		driver.setProperty(PGProperty.APPLICATION_NAME.getName(), "metrology-ingest command");
		// A command waits for what takes long, such as the checkpoint before a backup.
		driver.setProperty(PGProperty.SOCKET_TIMEOUT.getName(), "0");
		CommandConnections connections = new CommandConnections(details.getJdbcUrl(), driver);
		connections.setUsername(details.getUsername());
		connections.setPassword(details.getPassword());
		return connections;
	}

	/**
	 * What a command says is done is on disk, whatever a role or database defaults to.
	 */
	@Override
	protected Connection getConnectionFromDriver(Properties properties) throws SQLException {
		Connection connection = super.getConnectionFromDriver(properties);
		try (Statement statement = connection.createStatement()) {
			statement.execute("SET synchronous_commit = on");
			return connection;
		}
		catch (SQLException ex) {
			connection.close();
			throw ex;
		}
	}

}
