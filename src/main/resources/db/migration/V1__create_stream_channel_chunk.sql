CREATE TABLE stream (
    data_id            UUID        NOT NULL,
    processed_data_id  UUID        NOT NULL,
    stream_name        TEXT,
    points_per_chunk   INTEGER,
    synth_source_id    BIGINT,
    physical_sample_id UUID,
    project_id         UUID,
    created_at         TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    finalized_at       TIMESTAMPTZ,
    deleted_at         TIMESTAMPTZ,
    purged_at          TIMESTAMPTZ,
    PRIMARY KEY (data_id)
);

COMMENT ON TABLE stream IS 'A run of an instrument: a set of channels that belong together';
COMMENT ON COLUMN stream.points_per_chunk IS 'What the client declared; null for a stream registered by its first chunk. Chunks may hold more or fewer points';
COMMENT ON COLUMN stream.synth_source_id IS 'The growth instrument';
COMMENT ON COLUMN stream.finalized_at IS 'From then on the stream accepts no new data';
COMMENT ON COLUMN stream.deleted_at IS 'From then on the row is a tombstone: its channels and chunks are gone, and late ones are refused';

COMMENT ON COLUMN stream.purged_at IS 'When the last chunk of the deleted stream was removed';

-- Serves the list of streams, newest first.
CREATE INDEX stream_created_at ON stream (created_at DESC, data_id DESC);

-- Serves the lists of streams that are active or interrupted, which are few among those that were finalized.
CREATE INDEX stream_open ON stream (created_at DESC, data_id DESC) WHERE finalized_at IS NULL AND deleted_at IS NULL;

-- Serves the search for deleted streams whose chunks are not all removed yet.
CREATE INDEX stream_to_purge ON stream (deleted_at) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;

CREATE TABLE channel (
    data_id             UUID             NOT NULL REFERENCES stream (data_id),
    -- A locale's collation in the key would cost on every insert.
    channel_name        TEXT COLLATE "C" NOT NULL,
    units               TEXT,
    total_points        BIGINT           NOT NULL DEFAULT 0,
    chunk_count         BIGINT           NOT NULL DEFAULT 0,
    highest_chunk_index INTEGER          NOT NULL DEFAULT -1,
    revision            BIGINT           NOT NULL DEFAULT 0,
    earliest_time       DOUBLE PRECISION,
    latest_time         DOUBLE PRECISION,
    latest_chunk_index  INTEGER,
    created_at          TIMESTAMPTZ      NOT NULL DEFAULT clock_timestamp(),
    last_received_at    TIMESTAMPTZ      NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (data_id, channel_name)
)
-- Every chunk updates its channel's row: room for the new version on the same page makes that a HOT update.
WITH (fillfactor = 50);

COMMENT ON TABLE channel IS 'One measured quantity of a stream, with sums carried by the transactions that write its chunks';
COMMENT ON COLUMN channel.units IS 'The units of its values, such as nm; the first that were said, unless corrected';
COMMENT ON COLUMN channel.total_points IS 'Always sum(chunk.point_count)';
COMMENT ON COLUMN channel.chunk_count IS 'Always count(*) of its chunks; highest_chunk_index + 1 - chunk_count are missing';
COMMENT ON COLUMN channel.highest_chunk_index IS 'Always max(chunk.chunk_index), -1 where there is none';
COMMENT ON COLUMN channel.revision IS 'Counts the changes to the channel: chunks written, replacements included, and corrections of its units';
COMMENT ON COLUMN channel.earliest_time IS 'Always min(chunk.earliest_time), Unix epoch seconds';
COMMENT ON COLUMN channel.latest_time IS 'Always max(chunk.latest_time), Unix epoch seconds';
COMMENT ON COLUMN channel.latest_chunk_index IS 'The highest chunk_index of a chunk that has latest_time: it holds the latest point';
COMMENT ON COLUMN channel.last_received_at IS 'When its latest change by a chunk was written';

-- There is no foreign key to channel: it would cost on every insert. Who deletes a stream locks its row and its
-- channels first, as every chunk locks its channel.
CREATE TABLE chunk (
    data_id       UUID               NOT NULL,
    channel_name  TEXT COLLATE "C"   NOT NULL,
    chunk_index   INTEGER            NOT NULL CHECK (chunk_index >= 0),
    point_count   INTEGER            NOT NULL,
    revision      BIGINT             NOT NULL,
    received_at   TIMESTAMPTZ        NOT NULL DEFAULT clock_timestamp(),
    earliest_time DOUBLE PRECISION   NOT NULL,
    latest_time   DOUBLE PRECISION   NOT NULL,
    min_value     DOUBLE PRECISION,
    max_value     DOUBLE PRECISION,
    missing_count INTEGER            NOT NULL,
    content_hash  BYTEA              NOT NULL,
    timestamps    DOUBLE PRECISION[] NOT NULL,
    "values"      DOUBLE PRECISION[] NOT NULL,
    -- The index holds the summaries, too: plots of many points, and what is held and missing, are read from it alone,
    -- without touching the wide rows.
    PRIMARY KEY (data_id, channel_name, chunk_index)
        INCLUDE (point_count, earliest_time, latest_time, min_value, max_value)
);

COMMENT ON TABLE chunk IS 'A slice of a channel, as one request sent it; sending the same key again replaces it';
COMMENT ON COLUMN chunk.point_count IS 'The length of both arrays';
COMMENT ON COLUMN chunk.revision IS 'channel.revision at the time this content was written';
COMMENT ON COLUMN chunk.received_at IS 'When this content was written, by the clock of the database';
COMMENT ON COLUMN chunk.earliest_time IS 'The least timestamp, Unix epoch seconds';
COMMENT ON COLUMN chunk.latest_time IS 'The greatest timestamp, Unix epoch seconds';
COMMENT ON COLUMN chunk.min_value IS 'The least value, in the channel''s units; null where all are missing';
COMMENT ON COLUMN chunk.max_value IS 'The greatest value, in the channel''s units; null where all are missing';
COMMENT ON COLUMN chunk.missing_count IS 'How many values are missing';
COMMENT ON COLUMN chunk.content_hash IS 'SHA-256 over the big-endian doubles of timestamps, then of values (missing = 0x7ff8000000000000)';
COMMENT ON COLUMN chunk.timestamps IS 'Unix epoch seconds, in the order they were sent';
COMMENT ON COLUMN chunk."values" IS 'Measured values in the channel''s units; NaN = measured but missing';

CREATE VIEW point AS
SELECT chunk.data_id,
       chunk.channel_name,
       chunk.chunk_index,
       to_timestamp(sample.time_seconds) AS "time",
       nullif(sample.value, 'NaN') AS value,
       sample.time_seconds,
       sample.position
  FROM chunk,
       unnest(chunk.timestamps, chunk."values") WITH ORDINALITY AS sample (time_seconds, value, position);

COMMENT ON VIEW point IS 'Every point of every chunk: time to the microsecond, value null where missing, time_seconds the exact timestamp, position its place in the chunk from 1';
