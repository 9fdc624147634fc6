-- Indexes that nothing asks cost every document that is filed: each commit writes a page of each index that it touches.
-- No row of `scope` is ever deleted, so nobody has to look for who points to one. Collectors walk blobs by digest. Of an
-- object's versions nobody asks by type.
DROP INDEX object_by_scope;
DROP INDEX version_series_by_scope;
DROP INDEX blob_by_age;
DROP INDEX object_by_type;
CREATE INDEX object_by_type ON object (type_id) WHERE role = 'live';
-- What has no position yet is found where the index of positions has NULL.
DROP INDEX change_unnumbered;
-- One living blob of a digest: here the one writer sees to it. Digests are in no order, so that each of their indexes
-- costs a page of its own for each new blob.
DROP INDEX blob_living;
