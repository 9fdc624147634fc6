ALTER TABLE dossier_version_member DROP COLUMN parent_no;
ALTER TABLE dossier_version DROP COLUMN format;
