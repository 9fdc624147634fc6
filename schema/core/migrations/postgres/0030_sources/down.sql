DROP INDEX object_by_source;
CREATE UNIQUE INDEX object_by_source ON object (source_system, source_id) WHERE source_id IS NOT NULL AND role = 'live';
