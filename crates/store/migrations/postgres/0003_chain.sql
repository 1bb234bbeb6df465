-- Which log this is, and a digest for each revision over its parent's digest and its own contents. The bytes that are hashed
-- are those of `RevisionHasher` in the program, and made of what the rows hold, so that a revision that was added by hand has
-- a digest when it commits, like any other.

-- Digests of a long log take a while.
SET LOCAL statement_timeout = 0;

-- A replica of an older version may be writing: a revision that it commits meanwhile would have no digest.
SELECT midflight_lock();
LOCK TABLE revisions, documents IN SHARE ROW EXCLUSIVE MODE;

-- The first documents of each of many revisions are read by it, in their order.
DROP INDEX documents_by_revision;
CREATE INDEX documents_by_revision ON documents (revision, place);

CREATE TABLE log_id (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id  TEXT NOT NULL CHECK (id ~ '^[0-9a-f]{32}$')
);

INSERT INTO log_id VALUES (1, replace(gen_random_uuid()::text, '-', ''));

-- Compaction keeps these: a replica that was cut off for long must still learn whether this is the log that it followed.
CREATE TABLE revision_digests (
    number BIGINT PRIMARY KEY,
    digest TEXT NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$')
);

CREATE TRIGGER digests_do_not_change BEFORE UPDATE OR DELETE OR TRUNCATE ON revision_digests
    FOR EACH STATEMENT EXECUTE FUNCTION midflight_refuse_change();

-- The revisions that were made under a key, which the log takes once.
CREATE TABLE edit_keys (
    key      TEXT COLLATE "C" PRIMARY KEY,
    revision BIGINT NOT NULL
);

CREATE INDEX edit_keys_by_revision ON edit_keys (revision);

-- The digest of a revision; that of the empty log for one that was compacted before there were digests. One that can be read
-- has a digest.
CREATE FUNCTION midflight_chained(wanted bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    sealed text := (SELECT digest FROM revision_digests WHERE number = wanted);
BEGIN
    IF sealed IS NULL AND wanted >= (SELECT value FROM meta WHERE key = 'first_revision')
        AND EXISTS (SELECT 1 FROM revisions WHERE number = wanted)
    THEN
        RAISE data_corrupted USING MESSAGE = format('revision %s has no digest', wanted);
    END IF;
    RETURN COALESCE(sealed,
        (SELECT encode(sha256(convert_to(E'midflight log 1\n' || id || E'\n', 'UTF8')), 'hex') FROM log_id));
END $$;

-- The digest of what the rows of a revision hold, after that parent.
CREATE FUNCTION midflight_digest(wanted bigint, parent text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(
        E'midflight revision 1\n' || parent || E'\n' || r.number || E'\n'
        || octet_length(r.author) || ':' || r.author || E'\n' || octet_length(r.reason) || ':' || r.reason || E'\n'
        || r.trigger_word || E'\n' || r.created_at || E'\n'
        || COALESCE((
            SELECT string_agg(
                d.kind || '/' || d.name || ' ' || d.version || ' '
                || CASE WHEN d.body IS NULL THEN '-'
                   ELSE COALESCE(d.digest, encode(sha256(convert_to(d.body, 'UTF8')), 'hex')) END || ' '
                || COALESCE(octet_length(d.owner) || ':' || d.owner, '-') || E'\n',
                '' ORDER BY d.place)
            FROM documents d WHERE d.revision = r.number), ''),
        'UTF8')), 'hex')
    FROM revisions r WHERE r.number = wanted;
$$;

-- Gives a revision its digest, once, and answers it.
CREATE FUNCTION midflight_seal(wanted bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    sealed text := (SELECT digest FROM revision_digests WHERE number = wanted);
BEGIN
    IF sealed IS NULL THEN
        sealed := midflight_digest(wanted, midflight_chained(wanted - 1));
        INSERT INTO revision_digests (number, digest) VALUES (wanted, sealed);
    END IF;
    RETURN sealed;
END $$;

-- The log of before. Of what was compacted there is not all, so the chain begins with the first that can be read in full.
DO $$
DECLARE
    wanted bigint;
    sealed text := midflight_chained(0);
BEGIN
    FOR wanted IN SELECT number FROM revisions
        WHERE number >= (SELECT value FROM meta WHERE key = 'first_revision') ORDER BY number
    LOOP
        sealed := midflight_digest(wanted, sealed);
        INSERT INTO revision_digests (number, digest) VALUES (wanted, sealed);
    END LOOP;
END $$;

-- At the commit, when every document of the revision is there; the writers' lock is held until then.
CREATE FUNCTION midflight_revision_is_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM midflight_seal(new.number);
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER revisions_are_sealed AFTER INSERT ON revisions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION midflight_revision_is_sealed();

-- A digest is of the whole revision, so a revision that has one gets no more documents.
CREATE FUNCTION midflight_documents_come_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM revision_digests WHERE number = midflight_newest()) THEN
        RAISE check_violation USING
            MESSAGE = 'a document is added in the transaction of its revision, which is the newest';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER documents_come_before_the_digest BEFORE INSERT ON documents
    FOR EACH STATEMENT EXECUTE FUNCTION midflight_documents_come_first();

-- An acknowledged edit is on the disk, whatever the database's default is; a stronger setting stays.
CREATE FUNCTION midflight_writes_durably() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER revisions_are_durable BEFORE INSERT ON revisions
    FOR EACH STATEMENT EXECUTE FUNCTION midflight_writes_durably();

-- How the program appends: everything was decided on the state at `expected`, whose digest is `parent`, and is valid if that
-- is still the newest under the lock. A program of before names neither a parent nor a key. `chained` is the digest of
-- `newest`.
DROP FUNCTION midflight_append(bigint, text, text, text, text, text[], text[], bigint[], text[], text[], text[]);

CREATE FUNCTION midflight_append(
    expected bigint, author text, reason text, trigger_word text, created_at text,
    kinds text[], names text[], versions bigint[], owners text[], digests text[], bodies text[],
    parent text DEFAULT NULL, edit_key text DEFAULT NULL,
    OUT taken boolean, OUT newest bigint, OUT chained text
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM midflight_lock();
    newest := (SELECT COALESCE(MAX(number), 0) FROM revisions);
    chained := midflight_chained(newest);
    taken := newest = expected AND COALESCE(chained = parent, true);
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
    IF edit_key IS NOT NULL THEN
        INSERT INTO edit_keys (key, revision) VALUES (edit_key, newest);
    END IF;
    chained := midflight_seal(newest);
END $$;
