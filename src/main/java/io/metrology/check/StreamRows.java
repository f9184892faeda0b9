package io.metrology.check;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Reads streams. */
class StreamRows {

	private static final int PAGE_ROWS = 10_000;

	private static final String STREAMS = """
			SELECT data_id,
			       purged_at IS NOT NULL AND deleted_at IS NULL AS purged_alive
			  FROM stream
			 WHERE data_id %s ?
			 ORDER BY data_id
			 LIMIT %d
			""";

	private final Snapshots snapshots;

	StreamRows(Snapshots snapshots) {
		this.snapshots = snapshots;
	}

	/** The next streams, empty at the end. */
	List<Row> page(UUID after) throws SQLException {
		return read(STREAMS.formatted(">", PAGE_ROWS), after);
	}

	/** A stream; empty where there is none. */
	Optional<Row> find(UUID dataId) throws SQLException {
		return read(STREAMS.formatted("=", 1), dataId).stream().findFirst();
	}

	private List<Row> read(String sql, UUID parameter) throws SQLException {
		return this.snapshots.read(sql, List.of(parameter), (rows) -> {
			List<Row> page = new ArrayList<>();
			while (rows.next()) {
				page.add(new Row(rows.getObject(1, UUID.class), rows.getBoolean(2)));
			}
			return page;
		});
	}

	/**
	 * A stream's row.
	 *
	 * @param dataId what identifies it
	 * @param purgedAlive whether its chunks were removed though it was never deleted
	 */
	record Row(UUID dataId, boolean purgedAlive) {

	}

}
