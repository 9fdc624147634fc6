-- Nothing to change here: PostgreSQL compares with a list of words as with one. The numbers are those of SQLite.
SELECT 1;
