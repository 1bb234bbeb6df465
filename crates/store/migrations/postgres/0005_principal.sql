-- Who asked for a revision by an id, under which key it was made, and of which request the key was. None of it is hashed:
-- versions of before compute the same digests.

ALTER TABLE revisions ADD COLUMN principal TEXT, ADD COLUMN edit_key TEXT;

-- The SHA-256 of the request that was sent under the key, so that another one under the same key is refused.
ALTER TABLE edit_keys ADD COLUMN request TEXT CHECK (request ~ '^[0-9a-f]{64}$');

-- How the program appends: everything was decided on the state at `expected`, whose digest is `parent`, and is valid if that
-- is still the newest under the lock. A program of before names no principal and no request, and one of before that no parent
-- and no key. `chained` is the digest of `newest`; `repeats` is the revision that has the key, if it still counts.
DROP FUNCTION midflight_append(
    bigint, text, text, text, text, text[], text[], bigint[], text[], text[], text[], text, text);

CREATE FUNCTION midflight_append(
    expected bigint, author text, reason text, trigger_word text, created_at text,
    kinds text[], names text[], versions bigint[], owners text[], digests text[], bodies text[],
    parent text DEFAULT NULL, edit_key text DEFAULT NULL, principal text DEFAULT NULL, request text DEFAULT NULL,
    OUT taken boolean, OUT newest bigint, OUT chained text, OUT repeats bigint
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM midflight_lock();
    newest := (SELECT COALESCE(MAX(number), 0) FROM revisions);
    chained := midflight_chained(newest);
    taken := newest = expected AND COALESCE(chained = parent, true);
    IF NOT taken THEN
        RETURN;
    END IF;
    -- As long as `KEY_HOURS_MAX` of the program says, by the times of the revisions: replicas agree on those.
    repeats := (SELECT k.revision FROM edit_keys k JOIN revisions r ON r.number = k.revision WHERE k.key = midflight_append.edit_key
        AND r.created_at::timestamptz > midflight_append.created_at::timestamptz - INTERVAL '24 hours');
    IF repeats IS NOT NULL THEN
        taken := false;
        RETURN;
    END IF;
    newest := expected + 1;
    INSERT INTO revisions (number, author, reason, trigger_word, created_at, principal, edit_key)
        VALUES (newest, midflight_append.author, midflight_append.reason, midflight_append.trigger_word,
                midflight_append.created_at, midflight_append.principal, midflight_append.edit_key);
    IF cardinality(kinds) > 0 THEN
        INSERT INTO documents (kind, name, version, revision, owner, digest, body)
            SELECT it.kind, it.name, it.version, newest, it.owner, it.digest, it.body
            FROM unnest(kinds, names, versions, owners, digests, bodies)
                WITH ORDINALITY AS it (kind, name, version, owner, digest, body, nth)
            ORDER BY it.nth;
    END IF;
    IF midflight_append.edit_key IS NOT NULL THEN
        INSERT INTO edit_keys (key, revision, request) VALUES (midflight_append.edit_key, newest, midflight_append.request)
        ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, request = excluded.request;
    END IF;
    chained := midflight_seal(newest);
END $$;
