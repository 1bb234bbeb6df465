-- Who asked for a revision by an id, under which key it was made, and of which request the key was. None of it is hashed:
-- versions of before compute the same digests.

ALTER TABLE revisions ADD COLUMN principal TEXT;
ALTER TABLE revisions ADD COLUMN edit_key TEXT;

-- The SHA-256 of the request that was sent under the key, so that another one under the same key is refused.
ALTER TABLE edit_keys ADD COLUMN request TEXT CHECK (length(request) = 64);
