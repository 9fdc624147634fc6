PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(sql,
    'CHECK (base = ''document'' OR base = ''folder'' OR base = ''relationship'' OR base = ''policy'' OR base = ''item'')',
    'CHECK (base IN (''document'', ''folder'', ''relationship'', ''policy'', ''item''))'),
    'CHECK (role = ''live'' OR role = ''version'' OR role = ''working'')',
    'CHECK (role IN (''live'', ''version'', ''working''))')
WHERE type = 'table' AND name = 'object';
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (state = ''waiting'' OR state = ''ready'' OR state = ''failed'')',
    'CHECK (state IN (''waiting'', ''ready'', ''failed''))')
WHERE type = 'table' AND name = 'rendition';
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (state = ''waiting'' OR state = ''running'' OR state = ''done'' OR state = ''dead'')',
    'CHECK (state IN (''waiting'', ''running'', ''done'', ''dead''))')
WHERE type = 'table' AND name = 'job';
-- A change of the schema that everybody sees, so that nobody goes on with the one he knows.
CREATE TABLE schema_mark (no INTEGER);
DROP TABLE schema_mark;
PRAGMA writable_schema = RESET;
