-- Events that are sent to webhooks: those that wait, those that were sent, and those that could not be sent (dead letters).
CREATE TABLE deliveries (
    number        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            TEXT COLLATE "C" NOT NULL,
    webhook       TEXT COLLATE "C" NOT NULL,
    event         TEXT NOT NULL,
    payload       TEXT NOT NULL,
    state         TEXT COLLATE "C" NOT NULL,
    attempts      BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    due_at_ms     BIGINT NOT NULL,
    -- 0 while it waits.
    ended_at_ms   BIGINT NOT NULL,
    error         TEXT,
    UNIQUE (webhook, id)
);
CREATE INDEX deliveries_due ON deliveries (due_at_ms) WHERE state = 'waiting';
CREATE INDEX deliveries_by_state ON deliveries (state, number);

-- Up to where a source of events was read.
CREATE TABLE delivery_cursors (
    source   TEXT COLLATE "C" PRIMARY KEY,
    position BIGINT NOT NULL
);
