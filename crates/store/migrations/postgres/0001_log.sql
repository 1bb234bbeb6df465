-- The log: append-only, and the only truth. Past rows are never changed; only compaction deletes.
--
-- Commit order is number order: whoever adds a revision holds one lock until the commit, so a follower that asks
-- "since 41" never misses a 42 that commits after a 43. The triggers see to that for rows added by hand too.
--
-- Texts are compared as bytes (COLLATE "C"), whatever the database's locale, so that every log has one order.

DO $$ BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE 'the database has the encoding %, and the log needs UTF8', current_setting('server_encoding');
    END IF;
END $$;

-- 'first_revision' is the first that can be read in full, 'documents' how many are not deleted.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO meta VALUES ('first_revision', 1), ('documents', 0);

CREATE TABLE revisions (
    -- May be left out: it is the next then.
    number       BIGINT PRIMARY KEY,
    author       TEXT NOT NULL,
    reason       TEXT NOT NULL DEFAULT '',
    trigger_word TEXT NOT NULL DEFAULT 'manual',
    -- A text, so that every digit the program wrote comes back.
    created_at   TEXT NOT NULL DEFAULT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    -- The transaction that added it, which alone may add documents to it.
    written_by   XID8 NOT NULL DEFAULT pg_current_xact_id()
);

CREATE TABLE documents (
    -- The order within a revision.
    place    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind     TEXT COLLATE "C" NOT NULL,
    name     TEXT COLLATE "C" NOT NULL,
    version  BIGINT NOT NULL,
    revision BIGINT NOT NULL REFERENCES revisions (number),
    owner    TEXT,
    -- The SHA-256 of the canonical body; absent for a row that was added by hand.
    digest   TEXT,
    -- JSON, as it was written: a jsonb would order its keys anew. Absent for a deletion.
    body     TEXT,
    UNIQUE (kind, name, version)
);

CREATE INDEX documents_by_revision ON documents (revision);

-- The newest version of each document. Kept by the database, so that a row added by hand is found like any other.
CREATE TABLE heads (
    kind     TEXT COLLATE "C" NOT NULL,
    name     TEXT COLLATE "C" NOT NULL,
    version  BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    owner    TEXT,
    deleted  BOOLEAN NOT NULL,
    place    BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);

CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    bytes  BYTEA NOT NULL
);

-- Each replica counts its own.
CREATE TABLE reload_events (
    replica      TEXT COLLATE "C" NOT NULL,
    id           BIGINT NOT NULL,
    trigger_word TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    kinds        TEXT[] NOT NULL,
    event        TEXT NOT NULL,
    recorded_at  TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (replica, id)
);

CREATE INDEX reload_events_by_age ON reload_events (recorded_at);

CREATE TABLE tokens (
    name       TEXT COLLATE "C" PRIMARY KEY,
    role       TEXT NOT NULL,
    hash       TEXT NOT NULL,
    created_at TEXT NOT NULL
);

-- The key that hints are signed with: one row, made when it is first asked for, and the same ever after.
CREATE TABLE hint_key (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    key BYTEA NOT NULL CHECK (length(key) = 32)
);

-- What each replica last said of itself, and when, by this server's clock. Rows are rewritten again and again: the free
-- room lets that happen in place.
CREATE TABLE replicas (
    id      TEXT COLLATE "C" PRIMARY KEY,
    said    TEXT NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- The lock that every writer of the log holds until its commit: the bytes "midfligh".
CREATE FUNCTION midflight_lock() RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(7883943013757052776);
$$;

CREATE FUNCTION midflight_newest() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT COALESCE(MAX(number), 0) FROM revisions;
$$;

-- The past does not change.

CREATE FUNCTION midflight_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('midflight.compacting', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE restrict_violation USING
        MESSAGE = 'the log is append-only: '
            || CASE TG_OP WHEN 'UPDATE' THEN 'make a new revision' ELSE 'compact it instead' END;
END $$;

CREATE TRIGGER revisions_do_not_change BEFORE UPDATE OR DELETE OR TRUNCATE ON revisions
    FOR EACH STATEMENT EXECUTE FUNCTION midflight_refuse_change();
CREATE TRIGGER documents_do_not_change BEFORE UPDATE OR DELETE OR TRUNCATE ON documents
    FOR EACH STATEMENT EXECUTE FUNCTION midflight_refuse_change();

-- What a row added by hand must be for a program to read it. Past rows cannot be changed, so one that nobody can read
-- would be in the way of every follower for ever: it is refused at the door.

CREATE FUNCTION midflight_revision_is_added() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF new.trigger_word NOT IN ('manual', 'api_update', 'periodic', 'webhook', 'startup', 'file_watch', 'signal',
                                'notify', 'schedule', 'learned') THEN
        RAISE check_violation USING MESSAGE = 'trigger_word is a trigger that programs know, such as manual';
    END IF;
    RETURN new;
END $$;

CREATE TRIGGER revisions_are_readable BEFORE INSERT ON revisions
    FOR EACH ROW EXECUTE FUNCTION midflight_revision_is_added();

-- Whoever listens hears of it when it is committed, and not before.
CREATE FUNCTION midflight_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('midflight', new.number::text);
    RETURN NULL;
END $$;

CREATE TRIGGER revisions_are_told AFTER INSERT ON revisions
    FOR EACH ROW EXECUTE FUNCTION midflight_tell();

CREATE FUNCTION midflight_is_json(body text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN body::json IS NOT NULL;
EXCEPTION WHEN data_exception OR statement_too_complex THEN
    RETURN false;
END $$;

-- A name with characters past ASCII needs Unicode's letters to be told from others, which PostgreSQL knows through ICU;
-- built without it, it leaves the first version of such a document to programs.
CREATE FUNCTION midflight_is_name(wanted text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    is_name boolean;
    shape CONSTANT text := '^[[:alnum:]_][[:alnum:]_.:@+-]*(/[[:alnum:]_][[:alnum:]_.:@+-]*){0,7}$';
BEGIN
    IF octet_length(wanted) > 256 THEN
        RETURN false;
    END IF;
    IF octet_length(wanted) = char_length(wanted) THEN
        RETURN wanted COLLATE "C" ~ shape;
    END IF;
    IF EXISTS (SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu' AND collprovider = 'i') THEN
        EXECUTE 'SELECT ($1 COLLATE "und-x-icu") ~ $2' INTO is_name USING wanted, shape;
        RETURN is_name;
    END IF;
    RETURN false;
END $$;

-- One look at all the rows of a statement, since an edit may bring thousands.
CREATE FUNCTION midflight_documents_are_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest bigint := midflight_newest();
    wrong record;
    more bigint;
BEGIN
    -- A revision is there wholly or not at all: one that others may have read gets no more documents.
    IF EXISTS (SELECT 1 FROM added WHERE added.revision <> newest) OR (EXISTS (SELECT 1 FROM added)
        AND (SELECT written_by FROM revisions WHERE number = newest) <> pg_current_xact_id()) THEN
        RAISE check_violation USING
            MESSAGE = 'a document is added in the transaction of its revision, which is the newest';
    END IF;
    SELECT added.kind, added.name INTO wrong FROM added LEFT JOIN heads USING (kind, name)
        WHERE added.version <> COALESCE(heads.version, 0) + 1 LIMIT 1;
    IF FOUND THEN
        RAISE check_violation USING MESSAGE = 'the version of a new document version is that of the newest and one: '
            || wrong.kind || '/' || wrong.name;
    END IF;
    SELECT added.kind INTO wrong FROM added WHERE added.kind !~ '^[a-z][a-z0-9_]{0,31}$' LIMIT 1;
    IF FOUND THEN
        RAISE check_violation USING MESSAGE = 'a kind is a name of lower-case letters, digits and _: ' || wrong.kind;
    END IF;
    -- What comes with the digest of its body comes from a program, which knows names better than this does; and a name
    -- that was taken once is good.
    SELECT added.name INTO wrong FROM added
        WHERE added.version = 1 AND added.digest IS NULL AND NOT midflight_is_name(added.name) LIMIT 1;
    IF FOUND THEN
        RAISE check_violation USING
            MESSAGE = 'a name is at most 8 segments of letters, digits and _ . - : @ + joined by /: ' || wrong.name;
    END IF;
    SELECT added.kind, added.name INTO wrong FROM added
        WHERE added.digest IS NULL AND added.body IS NOT NULL AND NOT midflight_is_json(added.body) LIMIT 1;
    IF FOUND THEN
        RAISE check_violation USING MESSAGE = 'a body is JSON: ' || wrong.kind || '/' || wrong.name;
    END IF;
    SELECT added.kind, added.name INTO wrong FROM added WHERE added.digest IS NOT NULL
        AND added.digest IS DISTINCT FROM encode(sha256(convert_to(added.body, 'UTF8')), 'hex') LIMIT 1;
    IF FOUND THEN
        RAISE check_violation USING
            MESSAGE = 'a digest is the SHA-256 of its body, or absent: ' || wrong.kind || '/' || wrong.name;
    END IF;
    more := (SELECT COUNT(*) FILTER (WHERE body IS NOT NULL) FROM added) - (
        SELECT COUNT(*) FROM added JOIN heads USING (kind, name) WHERE NOT heads.deleted);
    IF more <> 0 THEN
        UPDATE meta SET value = value + more WHERE key = 'documents';
    END IF;
    INSERT INTO heads (kind, name, version, revision, owner, deleted, place)
        SELECT kind, name, version, revision, owner, body IS NULL, place FROM added
    ON CONFLICT (kind, name) DO UPDATE SET
        version = excluded.version, revision = excluded.revision, owner = excluded.owner,
        deleted = excluded.deleted, place = excluded.place;
    RETURN NULL;
END $$;

CREATE TRIGGER documents_are_readable AFTER INSERT ON documents
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION midflight_documents_are_added();

-- How the program appends: everything was decided on the state at `expected`, and holds if that is still the newest under
-- the lock. One statement, so the lock is never held across the network.
CREATE FUNCTION midflight_append(
    expected bigint, author text, reason text, trigger_word text, created_at text,
    kinds text[], names text[], versions bigint[], owners text[], digests text[], bodies text[],
    OUT taken boolean, OUT newest bigint
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM midflight_lock();
    newest := (SELECT COALESCE(MAX(number), 0) FROM revisions);
    taken := newest = expected;
    IF NOT taken THEN
        RETURN;
    END IF;
    newest := expected + 1;
    INSERT INTO revisions (number, author, reason, trigger_word, created_at)
        VALUES (newest, midflight_append.author, midflight_append.reason, midflight_append.trigger_word,
                midflight_append.created_at);
    IF cardinality(kinds) > 0 THEN
        INSERT INTO documents (kind, name, version, revision, owner, digest, body)
            SELECT it.kind, it.name, it.version, newest, it.owner, it.digest, it.body
            FROM unnest(kinds, names, versions, owners, digests, bodies)
                WITH ORDINALITY AS it (kind, name, version, owner, digest, body, nth)
            ORDER BY it.nth;
    END IF;
END $$;

-- Forgets what no state from `first` on needs, and answers how many document versions that were.
CREATE FUNCTION midflight_compact(first bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    forgotten bigint;
BEGIN
    -- One at a time. Writers go on: what they add is newer than anything that is forgotten.
    PERFORM 1 FROM meta WHERE key = 'first_revision' FOR UPDATE;
    IF first <= (SELECT value FROM meta WHERE key = 'first_revision') OR first > midflight_newest() THEN
        RETURN 0;
    END IF;
    PERFORM set_config('midflight.compacting', 'on', true);
    DELETE FROM documents d WHERE EXISTS (
        SELECT 1 FROM documents n WHERE n.kind = d.kind AND n.name = d.name
        AND n.version > d.version AND n.revision <= first);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    DELETE FROM revisions r WHERE r.number < first
        AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.revision = r.number);
    PERFORM set_config('midflight.compacting', 'off', true);
    UPDATE meta SET value = first WHERE key = 'first_revision';
    RETURN forgotten;
END $$;

-- For people with psql.

CREATE FUNCTION midflight_put(kind text, name text, body jsonb, author text, reason text DEFAULT '')
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
    head heads;
BEGIN
    PERFORM midflight_lock();
    SELECT * INTO head FROM heads h WHERE h.kind = midflight_put.kind AND h.name = midflight_put.name;
    IF head.owner IS NOT NULL AND NOT head.deleted THEN
        RAISE check_violation USING MESSAGE =
            kind || '/' || name || ' belongs to ' || head.owner || '; change it there, or take it over on purpose';
    END IF;
    INSERT INTO revisions (author, reason) VALUES (midflight_put.author, COALESCE(midflight_put.reason, ''))
        RETURNING number INTO made;
    INSERT INTO documents (kind, name, version, revision, body)
        VALUES (midflight_put.kind, midflight_put.name, COALESCE(head.version, 0) + 1, made, midflight_put.body::text);
    RETURN made;
END $$;

CREATE FUNCTION midflight_delete(kind text, name text, author text, reason text DEFAULT '')
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM midflight_lock();
    IF NOT EXISTS (SELECT 1 FROM heads h
        WHERE h.kind = midflight_delete.kind AND h.name = midflight_delete.name AND NOT h.deleted) THEN
        RAISE no_data_found USING MESSAGE = 'there is no ' || kind || '/' || name;
    END IF;
    RETURN midflight_put(kind, name, NULL, author, reason);
END $$;

COMMENT ON FUNCTION midflight_put IS
    'Puts a document in a revision of its own and answers the revision''s number: '
    'SELECT midflight_put(''rules'', ''loans/R1'', ''{"when": "..."}'', ''anna'', ''why''). A NULL body deletes it.';
COMMENT ON FUNCTION midflight_delete IS
    'Deletes a document in a revision of its own and answers the revision''s number: '
    'SELECT midflight_delete(''rules'', ''loans/R1'', ''anna'', ''why'').';
