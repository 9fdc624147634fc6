CREATE UNIQUE INDEX blob_living ON blob (digest) WHERE condemned_at IS NULL;
CREATE INDEX change_unnumbered ON change (no) WHERE position IS NULL;
DROP INDEX object_by_type;
CREATE INDEX object_by_type ON object (type_id, role);
CREATE INDEX blob_by_age ON blob (created_at);
CREATE INDEX version_series_by_scope ON version_series (scope_no);
CREATE INDEX object_by_scope ON object (scope_no);
