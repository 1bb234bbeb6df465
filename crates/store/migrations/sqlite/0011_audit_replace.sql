-- INSERT OR REPLACE deletes the row of the same number and fires no trigger of deletions, so it is refused before. Without its
-- row in `audit_kept` nothing says what is kept, and one that is inserted again could say anything: it stays.

CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE number = new.number) BEGIN
    SELECT RAISE (ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_kept_stays BEFORE DELETE ON audit_kept BEGIN
    SELECT RAISE (ABORT, 'the audit is append-only: retention deletes what is older than audit.keep_days');
END;
CREATE TRIGGER audit_kept_is_not_replaced BEFORE INSERT ON audit_kept
    WHEN EXISTS (SELECT 1 FROM audit_kept) BEGIN
    SELECT RAISE (ABORT, 'the audit is append-only: retention deletes what is older than audit.keep_days');
END;
