-- A version of a dossier names all that lies below it: 1, as before, is of what lies directly in it; 2 of the whole tree.
ALTER TABLE dossier_version ADD COLUMN format INTEGER NOT NULL DEFAULT 1;
-- The folder that the member lay in; none: the dossier itself.
ALTER TABLE dossier_version_member ADD COLUMN parent_no BIGINT;
