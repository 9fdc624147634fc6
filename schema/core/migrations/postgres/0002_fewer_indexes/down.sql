DROP INDEX object_by_type;
CREATE INDEX object_by_type ON object (type_id, role);
CREATE INDEX blob_by_age ON blob (created_at);
CREATE INDEX version_series_by_scope ON version_series (scope_no);
CREATE INDEX object_by_scope ON object (scope_no);
