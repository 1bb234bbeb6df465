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
