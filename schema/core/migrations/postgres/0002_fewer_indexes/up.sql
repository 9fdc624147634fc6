-- Indexes that nothing asks cost every document that is filed: each commit writes a page of each index that it touches.
-- No row of `scope` is ever deleted, so nobody has to look for who points to one. Collectors walk blobs by digest. Of an
-- object's versions nobody asks by type.
DROP INDEX object_by_scope;
DROP INDEX version_series_by_scope;
DROP INDEX blob_by_age;
DROP INDEX object_by_type;
CREATE INDEX object_by_type ON object (type_id) WHERE role = 'live';
