CREATE TABLE api_key (
    id           UUID        NOT NULL,
    name         TEXT        NOT NULL,
    key_hash     BYTEA       NOT NULL,
    scopes       TEXT[]      NOT NULL CHECK (scopes <> '{}' AND scopes <@ '{read,write,delete,admin}'),
    created_at   TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    created_by   UUID,
    expires_at   TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    revoked_at   TIMESTAMPTZ,
    revoked_by   UUID,
    PRIMARY KEY (id),
    -- A key that is given twice, as one from the environment may be, stays one key.
    UNIQUE (key_hash)
);

COMMENT ON TABLE api_key IS 'Who may use the service. Rows are never deleted, so that ids on record keep their meaning; while there is none, the service serves its own machine without keys';
COMMENT ON COLUMN api_key.key_hash IS 'SHA-256 of the key, which itself is kept nowhere';
COMMENT ON COLUMN api_key.created_by IS 'The key that made it; null where it was made on the command line, from the environment, or before there were keys';
COMMENT ON COLUMN api_key.last_used_at IS 'To within a few seconds';
COMMENT ON COLUMN api_key.revoked_at IS 'From then on the key opens nothing';
COMMENT ON COLUMN api_key.revoked_by IS 'The key that revoked it; null where that was done on the command line';

ALTER TABLE stream
    ADD COLUMN created_by   UUID,
    ADD COLUMN finalized_by UUID,
    ADD COLUMN deleted_by   UUID;

COMMENT ON COLUMN stream.created_by IS 'The API key that made the stream, or sent the first chunk of one never made before; null where no key was needed';
COMMENT ON COLUMN stream.finalized_by IS 'The API key that finalized it';
COMMENT ON COLUMN stream.deleted_by IS 'The API key that deleted it; null also where its time of retention was over';

ALTER TABLE channel
    ADD COLUMN units_by UUID;

COMMENT ON COLUMN channel.units_by IS 'The API key that corrected the units last; null where they were never corrected';

ALTER TABLE chunk
    ADD COLUMN written_by UUID;

COMMENT ON COLUMN chunk.written_by IS 'The API key that sent this content, which may have replaced another''s; null where no key was needed';
