-- Who did what, from where, and what came of it. Append-only: no entry is changed, and only those before `kept_from` can be
-- deleted, which retention moves and which never goes back.
CREATE TABLE audit (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us   INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    outcome TEXT NOT NULL,
    entry   TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit (at_us);
CREATE INDEX audit_by_actor ON audit (actor, number);

CREATE TABLE audit_kept (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    kept_from INTEGER NOT NULL
);
INSERT INTO audit_kept VALUES (1, 0);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE (ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
    WHEN old.number >= (SELECT kept_from FROM audit_kept) BEGIN
    SELECT RAISE (ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_kept_grows BEFORE UPDATE ON audit_kept WHEN new.kept_from < old.kept_from BEGIN
    SELECT RAISE (ABORT, 'kept_from never goes back');
END;
