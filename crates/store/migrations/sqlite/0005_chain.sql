-- Which log this is, and a digest for each revision over its parent's digest and its own contents. SQLite has no SHA-256,
-- so the program computes digests: when it appends, and for rows that were added by hand when it next reads the log.

CREATE TABLE log_id (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id  TEXT NOT NULL CHECK (length(id) = 32)
);

INSERT INTO log_id VALUES (1, lower(hex(randomblob(16))));

-- Compaction keeps these: a replica that was cut off for long must still learn whether this is the log that it followed.
CREATE TABLE revision_digests (
    number INTEGER PRIMARY KEY,
    digest TEXT NOT NULL CHECK (length(digest) = 64)
);

CREATE TRIGGER digests_are_not_updated BEFORE UPDATE ON revision_digests BEGIN
    SELECT RAISE (ABORT, 'the log is append-only: make a new revision');
END;

CREATE TRIGGER digests_are_not_deleted BEFORE DELETE ON revision_digests BEGIN
    SELECT RAISE (ABORT, 'the log is append-only: the digests of revisions stay');
END;

-- A digest is of the whole revision, so a revision that has one gets no more documents.
CREATE TRIGGER documents_come_before_the_digest BEFORE INSERT ON documents
WHEN EXISTS (SELECT 1 FROM revision_digests WHERE number = new.revision) BEGIN
    SELECT RAISE (ABORT, 'a document is added in the transaction of its revision, which is the newest');
END;

-- The revisions that were made under a key, which the log takes once.
CREATE TABLE edit_keys (
    key      TEXT PRIMARY KEY,
    revision INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX edit_keys_by_revision ON edit_keys (revision);
