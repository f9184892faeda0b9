package io.metrology.stream;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import io.metrology.stream.ChannelDescription.LatestPoint;
import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;
import org.springframework.transaction.annotation.Isolation;
import org.springframework.transaction.annotation.Transactional;

/** What streams there are, and what they hold. */
@Repository
class StreamCatalog {

	private static final String SUMMARIES = """
			SELECT s.data_id,
			       s.processed_data_id,
			       s.stream_name,
			       s.points_per_chunk,
			       s.synth_source_id,
			       s.physical_sample_id,
			       s.project_id,
			       s.created_at,
			       s.finalized_at,
			       held.last_received_at,
			       held.channel_count,
			       held.total_points,
			       coalesce(held.last_received_at, s.created_at) < clock_timestamp() - make_interval(secs => :idle_after) AS idle
			  FROM stream s
			 CROSS JOIN LATERAL (
			         SELECT max(c.last_received_at) AS last_received_at,
			                count(*)::integer AS channel_count,
			                coalesce(sum(c.total_points), 0)::bigint AS total_points
			           FROM channel c
			          WHERE c.data_id = s.data_id) AS held
			 WHERE s.deleted_at IS NULL
			""";

	private static final String ONE = SUMMARIES + """
			   AND s.data_id = :data_id
			""";

	private static final String AFTER = """
			   AND (s.created_at, s.data_id) < (:created_at, :after)
			""";

	private static final String NEWEST_FIRST = """
			 ORDER BY s.created_at DESC, s.data_id DESC
			 LIMIT :limit
			""";

	private static final String CHANNELS = """
			SELECT c.channel_name,
			       c.units,
			       c.total_points,
			       c.chunk_count,
			       c.highest_chunk_index,
			       c.earliest_time,
			       c.latest_time,
			       latest.timestamp,
			       nullif(latest.value, 'NaN') AS value,
			       c.last_received_at
			  FROM channel c
			  JOIN chunk k
			    ON k.data_id = c.data_id
			   AND k.channel_name = c.channel_name
			   AND k.chunk_index = c.latest_chunk_index
			 CROSS JOIN LATERAL (
			         SELECT sample.timestamp,
			                sample.value
			           FROM unnest(k.timestamps, k."values") WITH ORDINALITY AS sample (timestamp, value, position)
			          ORDER BY sample.timestamp DESC, sample.position DESC
			          LIMIT 1) AS latest
			 WHERE c.data_id = :data_id
			 ORDER BY c.channel_name
			""";

	private static final String REFUSED = """
			SELECT coalesce((SELECT c.count FROM refusal_count c WHERE c.data_id = :data_id), 0) AS count,
			       (SELECT count(*) FROM refusal r WHERE r.data_id = :data_id) AS records,
			       latest.id,
			       latest.last_received_at,
			       latest.code,
			       latest.channel_names,
			       latest.chunk_index
			  FROM (VALUES (1)) AS always
			  LEFT JOIN LATERAL (
			         SELECT *
			           FROM refusal r
			          WHERE r.data_id = :data_id
			          ORDER BY r.last_received_at DESC
			          LIMIT 1) AS latest
			    ON true
			""";

	private final JdbcClient jdbc;

	private final StreamProperties properties;

	StreamCatalog(JdbcClient jdbc, StreamProperties properties) {
		this.jdbc = jdbc;
		this.properties = properties;
	}

	/**
	 * A stream with its channels as of one moment, or nothing where it was never made, or
	 * deleted.
	 */
	@Transactional(readOnly = true, isolation = Isolation.REPEATABLE_READ)
	public Optional<Description> find(UUID dataId) {
		return query(ONE).param("data_id", dataId)
			.query(StreamCatalog::summary)
			.optional()
			.map((stream) -> new Description(stream, refused(dataId), channels(dataId)));
	}

	/**
	 * Streams, newest first.
	 * @param filter which of them
	 * @param after the last stream of the page before, or null for the first page
	 */
	List<StreamSummary> page(StreamFilter filter, @Nullable StreamCursor after, int limit) {
		String sql = SUMMARIES + filter.conditions() + ((after != null) ? AFTER : "") + NEWEST_FIRST;
		JdbcClient.StatementSpec query = query(sql).params(filter.parameters());
		if (after != null) {
			query.param("created_at", after.createdAt().atOffset(ZoneOffset.UTC)).param("after", after.dataId());
		}
		return query.param("limit", limit).query(StreamCatalog::summary).list();
	}

	private RefusedChunks refused(UUID dataId) {
		return this.jdbc.sql(REFUSED).param("data_id", dataId).query(StreamCatalog::refused).single();
	}

	private static RefusedChunks refused(ResultSet row, int index) throws SQLException {
		UUID id = row.getObject("id", UUID.class);
		LatestRefusal latest = (id != null)
				? new LatestRefusal(id, row.getObject("last_received_at", OffsetDateTime.class).toInstant(),
						row.getString("code"), List.of((String[]) row.getArray("channel_names").getArray()),
						row.getObject("chunk_index", Integer.class))
				: null;
		return new RefusedChunks(row.getLong("count"), row.getLong("records"), latest);
	}

	/** The channels of a stream, by name. */
	private List<ChannelDescription> channels(UUID dataId) {
		return this.jdbc.sql(CHANNELS).param("data_id", dataId).query(StreamCatalog::channel).list();
	}

	private JdbcClient.StatementSpec query(String sql) {
		return this.jdbc.sql(sql).param("idle_after", this.properties.idleAfter().toSeconds());
	}

	private static StreamSummary summary(ResultSet row, int index) throws SQLException {
		@Nullable Instant finalizedAt = instant(row, "finalized_at");
		return new StreamSummary(row.getObject("data_id", UUID.class), row.getObject("processed_data_id", UUID.class),
				row.getString("stream_name"), StreamStatus.of(finalizedAt != null, row.getBoolean("idle")),
				row.getObject("points_per_chunk", Integer.class), row.getObject("synth_source_id", Long.class),
				row.getObject("physical_sample_id", UUID.class), row.getObject("project_id", UUID.class),
				row.getObject("created_at", OffsetDateTime.class).toInstant(), instant(row, "last_received_at"),
				finalizedAt, row.getInt("channel_count"), row.getLong("total_points"));
	}

	private static ChannelDescription channel(ResultSet row, int index) throws SQLException {
		int highest = row.getInt("highest_chunk_index");
		long chunks = row.getLong("chunk_count");
		return new ChannelDescription(row.getString("channel_name"), row.getString("units"),
				row.getLong("total_points"), chunks, highest, highest + 1L - chunks, row.getDouble("earliest_time"),
				row.getDouble("latest_time"),
				new LatestPoint(row.getDouble("timestamp"), row.getObject("value", Double.class)),
				row.getObject("last_received_at", OffsetDateTime.class).toInstant());
	}

	private static @Nullable Instant instant(ResultSet row, String column) throws SQLException {
		OffsetDateTime time = row.getObject(column, OffsetDateTime.class);
		return (time != null) ? time.toInstant() : null;
	}

	/**
	 * A stream with its channels.
	 *
	 * @param stream the stream
	 * @param refused its refused chunks
	 * @param channels its channels, by name
	 */
	record Description(@JsonUnwrapped StreamSummary stream, RefusedChunks refused, List<ChannelDescription> channels) {

	}

	/**
	 * The refused chunks of a stream.
	 *
	 * @param count how many requests were refused, also those without a record
	 * @param records how many records there are
	 * @param latest the record of the last refusal, or null
	 */
	record RefusedChunks(long count, long records, @Nullable LatestRefusal latest) {

	}

	/**
	 * A record of a refused chunk, in brief.
	 *
	 * @param id its id
	 * @param lastReceivedAt when the chunk was received last
	 * @param code why it was refused
	 * @param channelNames the channels that it names
	 * @param chunkIndex its index, or null if the body does not say it
	 */
	record LatestRefusal(UUID id, Instant lastReceivedAt, String code, List<String> channelNames,
			@Nullable Integer chunkIndex) {

	}

}
