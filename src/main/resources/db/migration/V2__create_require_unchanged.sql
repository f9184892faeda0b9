CREATE FUNCTION require_unchanged(unchanged BOOLEAN) RETURNS BOOLEAN
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT unchanged THEN
        RAISE EXCEPTION 'a channel was changed by someone else; nothing is written, and the service tries again'
              USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN TRUE;
END
$$;

COMMENT ON FUNCTION require_unchanged IS 'Undoes a write that was planned from what a channel no longer holds: only an error undoes a statement that has begun to write';
COMMENT ON COLUMN channel.revision IS 'Counts the changes to the channel: chunks written, replacements included, corrections of its units, and the end of its stream';
