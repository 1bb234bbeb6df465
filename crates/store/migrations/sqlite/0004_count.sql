-- How many documents are not deleted, kept by the database as the heads are: counting them would read every head.

INSERT INTO meta SELECT 'documents', COUNT(*) FROM heads WHERE NOT deleted;

CREATE TRIGGER heads_are_counted AFTER INSERT ON heads WHEN NOT new.deleted BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'documents';
END;

CREATE TRIGGER heads_are_counted_again AFTER UPDATE OF deleted ON heads WHEN new.deleted <> old.deleted BEGIN
    UPDATE meta SET value = value + old.deleted - new.deleted WHERE key = 'documents';
END;
