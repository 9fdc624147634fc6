PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
    'no           INTEGER PRIMARY KEY AUTOINCREMENT,',
    'no           INTEGER PRIMARY KEY,')
WHERE type = 'table' AND name = 'principal';
-- A change of the schema that everybody sees, so that nobody goes on with the one he knows.
CREATE TABLE schema_mark (no INTEGER);
DROP TABLE schema_mark;
PRAGMA writable_schema = RESET;
