-- lz4 costs a fraction of the default pglz's time, but not every build of the server has it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE chunk ALTER COLUMN timestamps SET COMPRESSION lz4, ALTER COLUMN "values" SET COMPRESSION lz4;
    END IF;
END
$$;
