package io.metrology.series;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.UUID;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

import io.metrology.Chunks;
import io.metrology.StoredRows;
import io.metrology.TestPostgres;
import io.metrology.TestPostgres.TestDatabase;
import io.metrology.TestService;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** The SQL of docs/reading.md, pasted, does what is said there. */
class ReadingDocumentIT {

	private static final Pattern SQL = Pattern.compile("```sql\\n(.*?)```", Pattern.DOTALL);

	/** Roles belong to the whole server, which other tests may use at the same time. */
	private final String role = "metrology_read_" + UUID.randomUUID().toString().replace("-", "");

	@Test
	void theRoleReadsAndDoesNotWrite() throws Exception {
		List<String> blocks = SQL.matcher(Files.readString(Path.of("docs/reading.md")))
			.results()
			.map((MatchResult block) -> block.group(1).replace("metrology_read", this.role))
			.toList();
		TestDatabase database = TestPostgres.newDatabase();
		try (TestService service = TestService.start(database); StoredRows rows = new StoredRows(database)) {
			service.postChunk(Chunks.of(UUID.fromString("d290f1ee-6c54-4b01-90e6-d701748f0851"), "thickness", 0,
					List.of(1.7e9, 1.7e9 + 1), List.of(Double.NaN, 20.5), "nm"));
			rows.execute(blocks.get(0));
			try (Connection reader = DriverManager.getConnection(database.url(), this.role, "choose one");
					Statement statement = reader.createStatement()) {
				for (String query : blocks.subList(1, blocks.size())) {
					assertThat(hasRows(statement, query)).as(query).isTrue();
				}
				assertThat(setting(statement, "statement_timeout")).isEqualTo("30s");
				assertThat(setting(statement, "idle_in_transaction_session_timeout")).isEqualTo("10s");
				assertThat(setting(statement, "default_transaction_read_only")).isEqualTo("on");
				statement.execute("SET default_transaction_read_only = off");
				assertThatThrownBy(() -> statement.execute("DELETE FROM chunk")).isInstanceOf(SQLException.class)
					.hasMessageContaining("permission denied");
			}
			rows.execute("DROP OWNED BY " + this.role + "; DROP ROLE " + this.role);
		}
		assertThat(blocks).hasSize(4);
	}

	private static boolean hasRows(Statement statement, String query) throws SQLException {
		try (ResultSet rows = statement.executeQuery(query)) {
			return rows.next();
		}
	}

	private static String setting(Statement statement, String name) throws SQLException {
		try (ResultSet row = statement.executeQuery("SHOW " + name)) {
			row.next();
			return row.getString(1);
		}
	}

}
