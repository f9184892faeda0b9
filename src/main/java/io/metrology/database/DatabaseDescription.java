package io.metrology.database;

/**
 * The database that the service has started with, for people.
 *
 * @param text one line without a password, such as {@code embedded PostgreSQL 18.6, data
 * in /srv/metrology/data} or {@code PostgreSQL 17.2 at db.example.org:5432/metrology}
 */
public record DatabaseDescription(String text) {

	@Override
	public String toString() {
		return this.text;
	}

}
