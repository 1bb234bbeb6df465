-- How often something happened with documents: counted beside the log, without a revision for it.

CREATE TABLE tallies (
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    counter    TEXT NOT NULL CHECK (counter NOT GLOB '*[^a-z0-9_]*' AND length(counter) BETWEEN 1 AND 32),
    count      INTEGER NOT NULL CHECK (typeof(count) = 'integer' AND count >= 0),
    -- Nanoseconds since 1970: every digit comes back, and unlike texts of different length they sort.
    last_at_ns INTEGER NOT NULL,
    PRIMARY KEY (kind, name, counter)
) WITHOUT ROWID;

-- The number of each source's last batch, so that one that comes again is not counted again.
CREATE TABLE tally_sources (
    source      TEXT PRIMARY KEY,
    batch       INTEGER NOT NULL,
    heard_at_ms INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
) WITHOUT ROWID;

CREATE INDEX tally_sources_by_age ON tally_sources (heard_at_ms);
