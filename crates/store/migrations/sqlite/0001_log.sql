-- The log: append-only, and the only truth. Past rows are never changed; only compaction deletes, and says so in meta.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO meta VALUES ('first_revision', 1), ('compacting', 0);

CREATE TABLE revisions (
    number       INTEGER PRIMARY KEY,
    author       TEXT NOT NULL,
    reason       TEXT NOT NULL DEFAULT '',
    trigger_word TEXT NOT NULL DEFAULT 'manual',
    created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE TABLE documents (
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    version  INTEGER NOT NULL,
    revision INTEGER NOT NULL REFERENCES revisions (number),
    owner    TEXT,
    -- The SHA-256 of the canonical body; absent for a row that was added by hand.
    digest   TEXT,
    -- Absent for a deletion.
    body     TEXT,
    UNIQUE (kind, name, version)
);

CREATE INDEX documents_by_revision ON documents (revision);

-- The newest version of each document. Kept by the database, so that a row added by hand is found like any other.
CREATE TABLE heads (
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    version  INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    owner    TEXT,
    deleted  INTEGER NOT NULL,
    document INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;

CREATE TRIGGER documents_make_heads AFTER INSERT ON documents BEGIN
    INSERT INTO heads VALUES
        (new.kind, new.name, new.version, new.revision, new.owner, new.body IS NULL, new.rowid)
    ON CONFLICT (kind, name) DO UPDATE SET
        version = excluded.version, revision = excluded.revision, owner = excluded.owner,
        deleted = excluded.deleted, document = excluded.document
    WHERE excluded.version > heads.version;
END;

CREATE TRIGGER documents_are_not_updated BEFORE UPDATE ON documents BEGIN
    SELECT RAISE (ABORT, 'the log is append-only: make a new revision');
END;

CREATE TRIGGER revisions_are_not_updated BEFORE UPDATE ON revisions BEGIN
    SELECT RAISE (ABORT, 'the log is append-only: make a new revision');
END;

CREATE TRIGGER documents_are_not_deleted BEFORE DELETE ON documents
WHEN (SELECT value FROM meta WHERE key = 'compacting') = 0 BEGIN
    SELECT RAISE (ABORT, 'the log is append-only: compact it instead');
END;

CREATE TRIGGER revisions_are_not_deleted BEFORE DELETE ON revisions
WHEN (SELECT value FROM meta WHERE key = 'compacting') = 0 BEGIN
    SELECT RAISE (ABORT, 'the log is append-only: compact it instead');
END;

-- What a row added by hand must be for a program to read it. Past rows cannot be changed, so one that nobody can read
-- would be in the way of every follower for ever: it is refused at the door.

CREATE TRIGGER revisions_are_readable AFTER INSERT ON revisions BEGIN
    SELECT CASE
        WHEN new.number <> (SELECT MAX(number) FROM revisions)
            OR (new.number <> 1 AND NOT EXISTS (SELECT 1 FROM revisions WHERE number = new.number - 1))
        THEN RAISE (ABORT, 'the number of a new revision is that of the newest and one')
        WHEN new.created_at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'
            OR julianday(new.created_at) IS NULL
        THEN RAISE (ABORT, 'created_at is a time such as 2026-01-31T12:00:00Z')
    END;
END;

CREATE TRIGGER documents_are_readable BEFORE INSERT ON documents BEGIN
    SELECT CASE
        WHEN new.revision IS NOT (SELECT MAX(number) FROM revisions)
        THEN RAISE (ABORT, 'a document is added in the transaction of its revision, which is the newest')
        WHEN new.version <> 1 + COALESCE(
            (SELECT version FROM heads WHERE kind = new.kind AND name = new.name), 0)
        THEN RAISE (ABORT, 'the version of a new document version is that of the newest and one')
        WHEN new.kind GLOB '*[^a-z0-9_]*' OR new.kind NOT GLOB '[a-z]*' OR length(new.kind) > 32
        THEN RAISE (ABORT, 'a kind is a name of lower-case letters, digits and _')
        -- Which of the characters past ASCII are letters is not known here; those are let through.
        WHEN new.name GLOB '*[^-A-Za-z0-9_.:@+/' || char(128) || '-' || char(1114111) || ']*'
            OR '/' || new.name || '/' GLOB '*/[-.:@+/]*'
            OR length(CAST(new.name AS BLOB)) > 256
            OR length(new.name) - length(replace(new.name, '/', '')) > 7
        THEN RAISE (ABORT, 'a name is at most 8 segments of letters, digits and _ . - : @ + joined by /')
        WHEN new.digest IS NULL AND new.body IS NOT NULL AND (typeof(new.body) <> 'text' OR NOT json_valid(new.body))
        THEN RAISE (ABORT, 'a body is JSON')
    END;
END;

CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    bytes  BLOB NOT NULL
);

CREATE TABLE reload_events (
    id           INTEGER PRIMARY KEY,
    trigger_word TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    event        TEXT NOT NULL
);

CREATE TABLE tokens (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    hash       TEXT NOT NULL,
    created_at TEXT NOT NULL
) WITHOUT ROWID;
