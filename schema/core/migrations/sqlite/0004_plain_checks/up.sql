-- SQLite answers `x IN (…)` with more than two words from a table that it makes for the purpose: for each row that is
-- inserted, which made a row of `object` three times as dear as the same words compared one by one. A CHECK can be
-- changed in place where nothing in the file depends on it.
-- Source: https://www.sqlite.org/lang_altertable.html §7, "removing CHECK or FOREIGN KEY or NOT NULL constraints".
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(sql,
    'CHECK (base IN (''document'', ''folder'', ''relationship'', ''policy'', ''item''))',
    'CHECK (base = ''document'' OR base = ''folder'' OR base = ''relationship'' OR base = ''policy'' OR base = ''item'')'),
    'CHECK (role IN (''live'', ''version'', ''working''))',
    'CHECK (role = ''live'' OR role = ''version'' OR role = ''working'')')
WHERE type = 'table' AND name = 'object';
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (state IN (''waiting'', ''ready'', ''failed''))',
    'CHECK (state = ''waiting'' OR state = ''ready'' OR state = ''failed'')')
WHERE type = 'table' AND name = 'rendition';
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (state IN (''waiting'', ''running'', ''done'', ''dead''))',
    'CHECK (state = ''waiting'' OR state = ''running'' OR state = ''done'' OR state = ''dead'')')
WHERE type = 'table' AND name = 'job';
-- A change of the schema that everybody sees, so that nobody goes on with the one he knows.
CREATE TABLE schema_mark (no INTEGER);
DROP TABLE schema_mark;
PRAGMA writable_schema = RESET;
