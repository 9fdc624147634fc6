DROP INDEX change_left;
ALTER TABLE version_series DROP COLUMN destroyed_minor;
ALTER TABLE version_series DROP COLUMN destroyed_major;
DROP INDEX object_working;
