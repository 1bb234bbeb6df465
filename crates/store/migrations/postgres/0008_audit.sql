-- Who did what, from where, and what came of it. Append-only: no entry is changed, and only those before `kept_from` can be
-- deleted, which retention moves and which never goes back.
CREATE TABLE audit (
    number  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_us   BIGINT NOT NULL,
    actor   TEXT COLLATE "C" NOT NULL,
    action  TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    entry   TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit (at_us);
CREATE INDEX audit_by_actor ON audit (actor, number);

CREATE TABLE audit_kept (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    kept_from BIGINT NOT NULL
);
INSERT INTO audit_kept VALUES (1, 0);

CREATE FUNCTION midflight_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND old.number < (SELECT kept_from FROM audit_kept) THEN
        RETURN old;
    END IF;
    RAISE EXCEPTION 'the audit is append-only';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION midflight_audit_is_append_only();

CREATE FUNCTION midflight_audit_kept_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.kept_from < old.kept_from THEN
        RAISE EXCEPTION 'kept_from never goes back';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER audit_kept_grows BEFORE UPDATE ON audit_kept
    FOR EACH ROW EXECUTE FUNCTION midflight_audit_kept_grows();
