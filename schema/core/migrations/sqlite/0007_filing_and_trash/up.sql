-- A folder goes to the trash with its tree as one act: whatever went along names the folder, and comes back with it.
ALTER TABLE object ADD COLUMN trashed_with BIGINT;
-- In place of one that held each version too.
DROP INDEX object_trashed;
CREATE INDEX object_in_trash ON object (trashed_at, no) WHERE role = 'live' AND trashed_at IS NOT NULL AND trashed_with IS NULL;
-- What lies in no folder any more, by the wish of a person.
ALTER TABLE object ADD COLUMN unfiled_at BIGINT;
CREATE INDEX object_unfiled ON object (unfiled_at) WHERE unfiled_at IS NOT NULL;
-- Whoever destroys an object asks which manifests name it.
CREATE INDEX dossier_version_member_by_live ON dossier_version_member (live_no);
-- A search in a dossier asks for the folders in it, by their scopes.
CREATE UNIQUE INDEX folder_by_scope ON object (scope_no) WHERE base = 'folder';
