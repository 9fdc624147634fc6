ALTER TABLE bulk_item DROP COLUMN evidence;
DROP TABLE disposition;
DROP TABLE held_version;
DROP TABLE legal_hold;
DROP TABLE retention_event;
ALTER TABLE version DROP COLUMN record_at;
