DROP INDEX folder_by_scope;
DROP INDEX dossier_version_member_by_live;
DROP INDEX object_unfiled;
ALTER TABLE object DROP COLUMN unfiled_at;
DROP INDEX object_in_trash;
CREATE INDEX object_trashed ON object (trashed_at) WHERE trashed_at IS NOT NULL;
ALTER TABLE object DROP COLUMN trashed_with;
