-- What limits a token beyond its role, its rotation, and when it was last used.
--
-- Scopes never limit the role `admin`, and no other role is known to programs of before, which allow nothing then. A later
-- restriction that the programs of now could not know goes with a role that they do not know.
ALTER TABLE tokens ADD COLUMN expires_at TEXT;
-- A JSON array of patterns, as ["rules/pricing/*"]; everything without.
ALTER TABLE tokens ADD COLUMN scopes TEXT;
-- What an agent sees: a JSON object with at, expose and pin.
ALTER TABLE tokens ADD COLUMN agent TEXT;
ALTER TABLE tokens ADD COLUMN created_by TEXT;
-- The hash before the last rotation, and until when it is valid.
ALTER TABLE tokens ADD COLUMN previous_hash TEXT;
ALTER TABLE tokens ADD COLUMN previous_until TEXT;

-- Kept apart, so that a use is no change of a token.
CREATE TABLE token_uses (
    name       TEXT PRIMARY KEY,
    used_at_us INTEGER NOT NULL
);

-- Moves with every change of a token, whoever makes it: replicas look at it often, and read the tokens when it moved.
CREATE TABLE token_changes (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
);
INSERT INTO token_changes VALUES (1, 0);

CREATE TRIGGER tokens_inserted AFTER INSERT ON tokens BEGIN
    UPDATE token_changes SET number = number + 1;
END;
CREATE TRIGGER tokens_updated AFTER UPDATE ON tokens BEGIN
    UPDATE token_changes SET number = number + 1;
END;
CREATE TRIGGER tokens_deleted AFTER DELETE ON tokens BEGIN
    UPDATE token_changes SET number = number + 1;
    DELETE FROM token_uses WHERE name = old.name;
END;
