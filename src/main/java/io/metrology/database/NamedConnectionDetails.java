package io.metrology.database;

import java.util.Arrays;
import java.util.Properties;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;
import org.postgresql.PGProperty;

import org.springframework.boot.jdbc.autoconfigure.DataSourceProperties;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.util.StringUtils;

/**
 * The database that the operator has named. User and password are taken out of its URL,
 * because libraries log URLs.
 *
 * @param getJdbcUrl the URL without user and password
 * @param getUsername the user, from its own property or else from the URL
 * @param getPassword likewise
 */
record NamedConnectionDetails(String getJdbcUrl, @Nullable String getUsername,
		@Nullable String getPassword) implements JdbcConnectionDetails {

	static NamedConnectionDetails of(DataSourceProperties properties) {
		String url = properties.determineUrl();
		Properties parsed = Driver.parseURL(url, null);
		return new NamedConnectionDetails(withoutLogin(url), first(properties.getUsername(), parsed, PGProperty.USER),
				first(properties.getPassword(), parsed, PGProperty.PASSWORD));
	}

	private static @Nullable String first(@Nullable String configured, @Nullable Properties parsed,
			PGProperty property) {
		if (StringUtils.hasText(configured) || parsed == null) {
			return configured;
		}
		return parsed.getProperty(property.getName());
	}

	private static String withoutLogin(String url) {
		int query = url.indexOf('?');
		if (query < 0) {
			return url;
		}
		String kept = Arrays.stream(url.substring(query + 1).split("&"))
			.filter((parameter) -> !parameter.startsWith("user=") && !parameter.startsWith("password="))
			.collect(Collectors.joining("&"));
		return url.substring(0, query) + (kept.isEmpty() ? "" : "?" + kept);
	}

	/** Leaves the password out. */
	@Override
	public String toString() {
		return DatabaseAddress.of(this.getJdbcUrl).text();
	}

}
