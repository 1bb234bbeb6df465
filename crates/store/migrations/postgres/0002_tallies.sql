-- How often something happened with documents: counted beside the log, without a revision for it.

-- Rows are rewritten again and again: the free room lets that happen in place.
CREATE TABLE tallies (
    kind       TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    counter    TEXT COLLATE "C" NOT NULL CHECK (counter ~ '^[a-z0-9_]{1,32}$'),
    count      BIGINT NOT NULL CHECK (count >= 0),
    -- Nanoseconds since 1970: every digit comes back, and unlike texts of different length they sort.
    last_at_ns BIGINT NOT NULL,
    PRIMARY KEY (kind, name, counter)
) WITH (fillfactor = 50);

-- The number of each source's last batch, so that one that comes again is not counted again.
CREATE TABLE tally_sources (
    source   TEXT COLLATE "C" PRIMARY KEY,
    batch    BIGINT NOT NULL,
    heard_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX tally_sources_by_age ON tally_sources (heard_at);

-- Adds a batch in which every key is there once, and answers whether it was new. Rows are taken in one order, the sender's
-- own first and then those of the tallies by their key, so that two senders never wait for each other.
CREATE FUNCTION midflight_add_tallies(
    sender text, number bigint, kinds text[], names text[], counters text[], counts bigint[], times bigint[]
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    -- Nobody waits for the disk. What a crash of this server takes away it takes with the number of the batch.
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO tally_sources AS known (source, batch) VALUES (sender, number)
    ON CONFLICT (source) DO UPDATE SET batch = excluded.batch, heard_at = excluded.heard_at
        WHERE excluded.batch > known.batch;
    IF NOT FOUND THEN
        UPDATE tally_sources SET heard_at = clock_timestamp() WHERE source = sender;
        RETURN false;
    END IF;
    INSERT INTO tallies AS kept (kind, name, counter, count, last_at_ns)
        SELECT it.kind, it.name, it.counter, it.count, it.last_at_ns
        FROM unnest(kinds, names, counters, counts, times) AS it (kind, name, counter, count, last_at_ns)
        ORDER BY it.kind COLLATE "C", it.name COLLATE "C", it.counter COLLATE "C"
    ON CONFLICT (kind, name, counter) DO UPDATE SET
        count = kept.count + LEAST(excluded.count, 9223372036854775807 - kept.count),
        last_at_ns = GREATEST(kept.last_at_ns, excluded.last_at_ns);
    -- Some of those that were silent for a day. Whoever is at one of them is not waited for.
    DELETE FROM tally_sources WHERE source IN (
        SELECT source FROM tally_sources WHERE heard_at < clock_timestamp() - INTERVAL '1 day'
        ORDER BY heard_at LIMIT 100 FOR UPDATE SKIP LOCKED);
    RETURN true;
END $$;
