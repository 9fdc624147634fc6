-- Whoever asks for an object by where it came from has its id there, and perhaps not the system.
DROP INDEX object_by_source;
CREATE UNIQUE INDEX object_by_source ON object (source_id, source_system) WHERE source_id IS NOT NULL AND role = 'live';
