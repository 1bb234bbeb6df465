-- What limits a token beyond its role, its rotation, and when it was last used.
--
-- Scopes never limit the role `admin`, and no other role is known to programs of before, which allow nothing then. A later
-- restriction that the programs of now could not know goes with a role that they do not know.
ALTER TABLE tokens
    ADD COLUMN expires_at TEXT,
    -- A JSON array of patterns, as ["rules/pricing/*"]; everything without.
    ADD COLUMN scopes TEXT,
    -- What an agent sees: a JSON object with at, expose and pin.
    ADD COLUMN agent TEXT,
    ADD COLUMN created_by TEXT,
    -- The hash before the last rotation, and until when it is valid.
    ADD COLUMN previous_hash TEXT,
    ADD COLUMN previous_until TEXT;

-- Kept apart, so that a use is no change of a token.
CREATE TABLE token_uses (
    name       TEXT COLLATE "C" PRIMARY KEY,
    used_at_us BIGINT NOT NULL
);

-- Moves with every change of a token, whoever makes it: replicas look at it often, and read the tokens when it moved.
CREATE TABLE token_changes (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number BIGINT NOT NULL
);
INSERT INTO token_changes VALUES (1, 0);

CREATE FUNCTION midflight_tokens_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE token_changes SET number = number + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER tokens_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tokens
    FOR EACH STATEMENT EXECUTE FUNCTION midflight_tokens_changed();

CREATE FUNCTION midflight_token_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM token_uses WHERE name = old.name;
    RETURN NULL;
END $$;
CREATE TRIGGER token_deleted AFTER DELETE ON tokens
    FOR EACH ROW EXECUTE FUNCTION midflight_token_deleted();
