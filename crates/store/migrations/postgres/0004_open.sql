-- Replicas of two versions share a log while they are replaced one by one. So a newer version's words are kept: what is
-- checked of a trigger is its shape, not a list. And the schema says which versions may use it.

CREATE OR REPLACE FUNCTION midflight_revision_is_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest bigint;
    is_time boolean := false;
BEGIN
    PERFORM midflight_lock();
    -- A statement of its own, so that it sees what committed while the lock was waited for.
    newest := (SELECT MAX(number) FROM revisions);
    new.number := COALESCE(new.number, newest + 1, 1);
    new.written_by := pg_current_xact_id();
    IF new.number <> COALESCE(newest, 0) + 1 THEN
        RAISE check_violation USING MESSAGE = 'the number of a new revision is that of the newest and one';
    END IF;
    IF new.created_at ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?Z$' THEN
        BEGIN
            is_time := new.created_at::timestamptz IS NOT NULL;
        EXCEPTION WHEN data_exception THEN
            is_time := false;
        END;
    END IF;
    IF NOT is_time THEN
        RAISE check_violation USING MESSAGE = 'created_at is a time such as 2026-01-31T12:00:00Z';
    END IF;
    IF new.trigger_word !~ '^[a-z][a-z0-9_]{0,31}$' THEN
        RAISE check_violation USING
            MESSAGE = 'trigger_word is 1 to 32 lower-case letters, digits and _, such as manual';
    END IF;
    RETURN new;
END $$;

-- A program whose newest migration is `oldest` or a later one may use the log, whether or not it knows the migrations after
-- its own. A migration that older programs could not live with raises it.
CREATE TABLE schema_reader (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    oldest BIGINT NOT NULL
);

INSERT INTO schema_reader VALUES (1, 4);
