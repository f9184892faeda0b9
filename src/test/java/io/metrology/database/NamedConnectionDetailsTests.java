package io.metrology.database;

import org.junit.jupiter.api.Test;

import org.springframework.boot.jdbc.autoconfigure.DataSourceProperties;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

class NamedConnectionDetailsTests {

	@Test
	void loginIsTakenOutOfTheUrl() {
		NamedConnectionDetails details = details("jdbc:postgresql://db/x?user=me&sslmode=require&password=s%26cret");

		assertThat(details.getJdbcUrl()).isEqualTo("jdbc:postgresql://db/x?sslmode=require");
		assertThat(details.getUsername()).isEqualTo("me");
		assertThat(details.getPassword()).isEqualTo("s&cret");
		assertThat(details).asString().isEqualTo("db:5432/x");
	}

	@Test
	void propertiesWinOverTheUrl() {
		DataSourceProperties properties = new DataSourceProperties();
		properties.setUrl("jdbc:postgresql://db/x?user=me&password=secret");
		properties.setUsername("you");
		properties.setPassword("word");

		NamedConnectionDetails details = NamedConnectionDetails.of(properties);

		assertThat(details).isEqualTo(new NamedConnectionDetails("jdbc:postgresql://db/x", "you", "word"));
	}

	@Test
	void addressNamesEveryHost() {
		assertThat(DatabaseAddress.of("jdbc:postgresql://one:5433,two/x?password=secret"))
			.hasToString("one:5433,two:5432/x");
	}

	@Test
	void urlOfAnotherDatabaseIsRefusedWithoutShowingIt() {
		assertThatExceptionOfType(DatabaseStartException.class)
			.isThrownBy(() -> DatabaseAddress.of("jdbc:mysql://db/x?password=secret"))
			.withMessageNotContaining("secret");
	}

	private static NamedConnectionDetails details(String url) {
		DataSourceProperties properties = new DataSourceProperties();
		properties.setUrl(url);
		return NamedConnectionDetails.of(properties);
	}

}
