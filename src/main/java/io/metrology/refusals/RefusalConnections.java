package io.metrology.refusals;

import java.util.Properties;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * The connection on which refused chunks are recorded. Reads and chunk writes do not use
 * it. So recording waits for no other pool, and no other pool waits for recording.
 */
@Configuration(proxyBeanMethods = false)
class RefusalConnections {

	/** The name of the connection's bean. */
	static final String QUALIFIER = "refusals";

	/** Milliseconds. A client waits for one second at most. */
	private static final long MAX_WAIT = 900;

	/** Seconds. */
	private static final int SOCKET_TIMEOUT = 3;

	private static final String SETTINGS = """
			; SET jit = off
			; SET lock_timeout = '800ms'
			; SET statement_timeout = '2s'""";

	@Bean(defaultCandidate = false)
	@Qualifier(QUALIFIER)
	HikariDataSource refusalDataSource(HikariDataSource dataSource) {
		HikariConfig config = new HikariConfig();
		dataSource.copyStateTo(config);
		config.setReadOnly(false);
		config.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
		config.setPoolName(dataSource.getPoolName() + "-refusals");
		config.setMaximumPoolSize(1);
		config.setMinimumIdle(0);
		config.setInitializationFailTimeout(-1);
		config.setConnectionTimeout(MAX_WAIT);
		config.setValidationTimeout(MAX_WAIT);
		config.setConnectionInitSql(dataSource.getConnectionInitSql() + SETTINGS);
		// A copy: both pools would share the one object.
		Properties driver = new Properties();
		driver.putAll(dataSource.getDataSourceProperties());
		driver.put("socketTimeout", SOCKET_TIMEOUT);
		config.setDataSourceProperties(driver);
		return new HikariDataSource(config);
	}

}
