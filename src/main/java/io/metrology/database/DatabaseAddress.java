package io.metrology.database;

import java.util.Properties;

import org.postgresql.Driver;
import org.postgresql.PGProperty;

/**
 * Where a database is, in a form for people: a JDBC URL may contain a password.
 *
 * @param text for example {@code db.example.org:5432/metrology}
 */
record DatabaseAddress(String text) {

	/**
	 * Takes host, port and name out of a URL.
	 * @throws DatabaseStartException if it is not a URL of PostgreSQL
	 */
	static DatabaseAddress of(String url) {
		Properties parsed = Driver.parseURL(url, null);
		if (parsed == null) {
			throw new DatabaseStartException("spring.datasource.url is not a JDBC URL of PostgreSQL",
					"Give it the form jdbc:postgresql://host:5432/database.");
		}
		String[] hosts = parsed.getProperty(PGProperty.PG_HOST.getName(), "localhost").split(",");
		String[] ports = parsed.getProperty(PGProperty.PG_PORT.getName(), "5432").split(",");
		StringBuilder text = new StringBuilder();
		for (int i = 0; i < hosts.length; i++) {
			text.append((i > 0) ? "," : "").append(hosts[i]).append(':').append(ports[Math.min(i, ports.length - 1)]);
		}
		return new DatabaseAddress(text + "/" + parsed.getProperty(PGProperty.PG_DBNAME.getName(), ""));
	}

	@Override
	public String toString() {
		return this.text;
	}

}
