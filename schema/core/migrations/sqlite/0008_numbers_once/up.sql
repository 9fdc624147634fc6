-- An object's number is never given again: what still names a destroyed one (the index, until it follows; the log, for ever)
-- would speak of another. SQLite gives the greatest number again after its row is gone, unless the table says otherwise.
-- The table that SQLite keeps the greatest numbers in comes with the first one that says so.
CREATE TABLE schema_mark (no INTEGER PRIMARY KEY AUTOINCREMENT);
DROP TABLE schema_mark;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
    'no            INTEGER PRIMARY KEY,',
    'no            INTEGER PRIMARY KEY AUTOINCREMENT,')
WHERE type = 'table' AND name = 'object';
PRAGMA writable_schema = RESET;
