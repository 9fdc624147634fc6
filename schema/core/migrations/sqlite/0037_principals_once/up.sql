-- The number of a group that was deleted is never given again: what a node keeps of it would be another's.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
    'no           INTEGER PRIMARY KEY,',
    'no           INTEGER PRIMARY KEY AUTOINCREMENT,')
WHERE type = 'table' AND name = 'principal';
PRAGMA writable_schema = RESET;
