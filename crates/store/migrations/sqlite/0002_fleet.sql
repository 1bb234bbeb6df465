-- What the replicas of a fleet share beside the log.

-- The key that hints are signed with: one row, made when it is first asked for, and the same ever after.
CREATE TABLE hint_key (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    key BLOB NOT NULL CHECK (length(key) = 32)
);

-- What each replica last said of itself, and when, by the clock of the machine that keeps the file.
CREATE TABLE replicas (
    id         TEXT PRIMARY KEY,
    said       TEXT NOT NULL,
    seen_at_ms INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
) WITHOUT ROWID;
