ALTER TABLE export DROP COLUMN with_content;
ALTER TABLE export DROP COLUMN objects;
