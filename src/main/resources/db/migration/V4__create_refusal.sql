-- There is no foreign key to stream: a refused chunk may name a stream that does not exist. The transaction that
-- deletes a stream deletes its records, and the transaction that records a refusal locks the row of its stream.
CREATE TABLE refusal (
    id                UUID        NOT NULL,
    first_received_at TIMESTAMPTZ NOT NULL,
    last_received_at  TIMESTAMPTZ NOT NULL,
    count             BIGINT      NOT NULL DEFAULT 1,
    code              TEXT        NOT NULL,
    detail            TEXT        NOT NULL,
    key_id            UUID,
    request_id        TEXT,
    path              TEXT        NOT NULL,
    query             TEXT,
    content_type      TEXT,
    content_encoding  TEXT,
    data_id           UUID,
    channel_names     TEXT[]      NOT NULL,
    chunk_index       INTEGER,
    body_bytes        BIGINT      NOT NULL,
    size_bytes        BIGINT      NOT NULL,
    body              BYTEA,
    PRIMARY KEY (id)
);

-- Compression would cost time on the way of chunks, and the body is read in slices.
ALTER TABLE refusal ALTER COLUMN body SET STORAGE EXTERNAL;

COMMENT ON TABLE refusal IS 'Refused chunks, recorded so that they can be mended and resent';
COMMENT ON COLUMN refusal.id IS 'From the SHA-256 of chunk or chunk/multi and the decompressed body: the same request has the same id';
COMMENT ON COLUMN refusal.first_received_at IS 'When the first of the same requests was received, by the clock of the database';
COMMENT ON COLUMN refusal.last_received_at IS 'When the last of the same requests was received, by the clock of the database. Content stored later is newer';
COMMENT ON COLUMN refusal.count IS 'The number of the same requests, to within a second';
COMMENT ON COLUMN refusal.code IS 'The code of the last refusal';
COMMENT ON COLUMN refusal.detail IS 'The sentence of the last refusal';
COMMENT ON COLUMN refusal.key_id IS 'The API key of the last of the same requests; null if it had none';
COMMENT ON COLUMN refusal.content_encoding IS 'How the body is compressed, if it could not be decompressed; else null';
COMMENT ON COLUMN refusal.data_id IS 'The stream; null if the body does not say it';
COMMENT ON COLUMN refusal.channel_names IS 'The channels that the body names, the first kilobyte of them';
COMMENT ON COLUMN refusal.chunk_index IS 'The chunk_index; null if the body does not say it';
COMMENT ON COLUMN refusal.body_bytes IS 'The length of the body in bytes, also if it was too long to be kept';
COMMENT ON COLUMN refusal.size_bytes IS 'Bytes that the record counts for the limits: the kept body and 2 KiB';
COMMENT ON COLUMN refusal.body IS 'The decompressed body; null if it was longer than metrology.refusals.max-body';

-- Serves the list of records, newest first.
CREATE INDEX refusal_first_received_at ON refusal (first_received_at DESC, id DESC);

-- Serves the records of a stream, the search for its oldest ones, and the sums of bytes by stream and by key.
CREATE INDEX refusal_data_id ON refusal (data_id, last_received_at) INCLUDE (key_id, size_bytes);

-- Serves the search for the oldest records of a key.
CREATE INDEX refusal_key_id ON refusal (key_id, last_received_at);

-- Serves the search for records that are too old.
CREATE INDEX refusal_last_received_at ON refusal (last_received_at);

CREATE TABLE refusal_count (
    data_id          UUID        NOT NULL,
    count            BIGINT      NOT NULL,
    last_received_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (data_id)
);

COMMENT ON TABLE refusal_count IS 'How many requests with a data_id were refused, also those whose record is gone or was never made. Rows of data_ids without a stream are bounded in number and age';
COMMENT ON COLUMN refusal_count.last_received_at IS 'When the count was written last, by the clock of the database';

-- Serves the search for the oldest counts of data_ids without a stream.
CREATE INDEX refusal_count_last_received_at ON refusal_count (last_received_at);
