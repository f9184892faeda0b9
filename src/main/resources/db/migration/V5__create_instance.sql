-- Every row is written again each second and is worth nothing after a crash. An unlogged table writes no row to the
-- log, so that these writes wait for no flush. After a crash or a failover the table is empty, and the instances notice.
CREATE UNLOGGED TABLE instance (
    instance_id    UUID          NOT NULL,
    written_at     TIMESTAMPTZ   NOT NULL,
    as_of          TIMESTAMPTZ   NOT NULL,
    oldest_unknown TIMESTAMPTZ,
    data_ids       UUID[]        NOT NULL,
    arrivals       TIMESTAMPTZ[] NOT NULL,
    PRIMARY KEY (instance_id)
)
-- Room for the new version on the same page makes the update a HOT update.
WITH (fillfactor = 50);

COMMENT ON TABLE instance IS 'The running instances of the service, with the arrival times of their oldest chunk requests in flight. Finalize waits for these requests. All times are by the clock of the database';
COMMENT ON COLUMN instance.instance_id IS 'Chosen by the instance at its start';
COMMENT ON COLUMN instance.written_at IS 'When the row was written. An instance lives if its row is at most 5 s old';
COMMENT ON COLUMN instance.as_of IS 'The row names every request that arrived earlier and was in flight at this time';
COMMENT ON COLUMN instance.oldest_unknown IS 'Arrival of the oldest request whose stream is unknown, also of requests without a thread; null if there is none';
COMMENT ON COLUMN instance.data_ids IS 'The streams with requests in flight';
COMMENT ON COLUMN instance.arrivals IS 'Arrival of the oldest request in flight for each stream in data_ids, in the same order';
