ALTER TABLE dossier_version DROP COLUMN manifest;
DROP TABLE export;
