-- Serves the keys of chunks as before, and the scans of their summaries without touching the wide rows: plots of many
-- points, what is held and missing, ranges of time.
CREATE UNIQUE INDEX chunk_summary
    ON chunk (data_id, channel_name, chunk_index)
       INCLUDE (point_count, earliest_time, latest_time, min_value, max_value);
ALTER TABLE chunk DROP CONSTRAINT chunk_pkey;
ALTER TABLE chunk ADD CONSTRAINT chunk_pkey PRIMARY KEY USING INDEX chunk_summary;

-- Serves the lists of streams that are active or interrupted, which are few among those that were finalized.
CREATE INDEX stream_open ON stream (created_at DESC, data_id DESC) WHERE finalized_at IS NULL AND deleted_at IS NULL;
