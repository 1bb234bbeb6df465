-- TRUNCATE fires no trigger of rows, so the audit needs one of statements for it. Without its row in `audit_kept` nothing says
-- what is kept, and one that is inserted again could say anything: it stays.

CREATE FUNCTION midflight_audit_refuse_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE restrict_violation USING
        MESSAGE = 'the audit is append-only: retention deletes what is older than audit.keep_days';
END $$;

CREATE TRIGGER audit_is_not_truncated BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION midflight_audit_refuse_statement();
CREATE TRIGGER audit_kept_stays BEFORE DELETE OR TRUNCATE ON audit_kept
    FOR EACH STATEMENT EXECUTE FUNCTION midflight_audit_refuse_statement();
