package io.metrology.ingest;

import java.util.Properties;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.JdbcTemplate;

/**
 * The connections on which chunks are written: one for each lane's thread, so that
 * whoever reads never keeps a chunk waiting for a connection, and with settings that fix
 * the plans of the few statements that pass through them.
 */
@Configuration(proxyBeanMethods = false)
class WriteConnections {

	/** The name of the connections' beans. */
	static final String QUALIFIER = "write";

	/** Bytes: some 80 chunks of 100 points, or 8 of 1000. */
	private static final int SEND_BUFFER = 128 * 1024;

	/** Milliseconds. */
	private static final long LONGEST_WAIT = 1000;

	// Each key is looked up by its index, in the order in which keys are given: that is
	// the order of locks. Plans are made once for a connection: made anew for each batch,
	// they cost more than the writing, and made while the tables are small, they would
	// read them whole. Whoever waits this long for a lock mostly waits for someone who
	// does not write chunks.
	private static final String SETTINGS = """
			; SET plan_cache_mode = force_generic_plan
			; SET enable_seqscan = off
			; SET enable_hashjoin = off
			; SET enable_mergejoin = off
			; SET jit = off
			; SET lock_timeout = '2s'""";

	/** Of the service's own connections, with all their settings. */
	@Bean(defaultCandidate = false)
	@Qualifier(QUALIFIER)
	HikariDataSource writeDataSource(HikariDataSource dataSource, BatchProperties batch) {
		HikariConfig config = new HikariConfig();
		dataSource.copyStateTo(config);
		// A statement is a transaction here, whatever the reading connections are set to.
		config.setAutoCommit(true);
		config.setReadOnly(false);
		config.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
		config.setPoolName(dataSource.getPoolName() + "-write");
		config.setMaximumPoolSize(2 * batch.lanes());
		config.setMinimumIdle(batch.lanes());
		// There is one for each lane: who waits for it finds the database away, and that
		// is to be known soon.
		config.setConnectionTimeout(Math.min(config.getConnectionTimeout(), LONGEST_WAIT));
		config.setConnectionInitSql(dataSource.getConnectionInitSql() + SETTINGS);
		// A copy: both pools would share the one object.
		Properties driver = new Properties();
		driver.putAll(dataSource.getDataSourceProperties());
		// A batch of a size never seen before is prepared at once.
		driver.put("prepareThreshold", 1);
		// The whole of a batch leaves at once, and wakes PostgreSQL once.
		driver.put("maxSendBufferSize", SEND_BUFFER);
		config.setDataSourceProperties(driver);
		return new HikariDataSource(config);
	}

	@Bean(defaultCandidate = false)
	@Qualifier(QUALIFIER)
	JdbcTemplate writeJdbc(@Qualifier(QUALIFIER) HikariDataSource dataSource) {
		return new JdbcTemplate(dataSource);
	}

}
