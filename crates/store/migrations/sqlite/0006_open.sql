-- A newer version's words are kept: what is checked of a trigger is its shape, not a list. And the schema says which versions
-- may use it.

DROP TRIGGER revisions_are_readable;

CREATE TRIGGER revisions_are_readable AFTER INSERT ON revisions BEGIN
    SELECT CASE
        WHEN new.number <> (SELECT MAX(number) FROM revisions)
            OR (new.number <> 1 AND NOT EXISTS (SELECT 1 FROM revisions WHERE number = new.number - 1))
        THEN RAISE (ABORT, 'the number of a new revision is that of the newest and one')
        WHEN new.created_at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'
            OR julianday(new.created_at) IS NULL
        THEN RAISE (ABORT, 'created_at is a time such as 2026-01-31T12:00:00Z')
        WHEN new.trigger_word NOT GLOB '[a-z]*' OR new.trigger_word GLOB '*[^a-z0-9_]*' OR length(new.trigger_word) > 32
        THEN RAISE (ABORT, 'trigger_word is 1 to 32 lower-case letters, digits and _, such as manual')
    END;
END;

-- A program whose newest migration is `oldest` or a later one may use the log, whether or not it knows the migrations after
-- its own. A migration that older programs could not live with raises it.
CREATE TABLE schema_reader (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    oldest INTEGER NOT NULL
);

INSERT INTO schema_reader VALUES (1, 6);
