DROP INDEX rendition_uncounted;
ALTER TABLE rendition DROP COLUMN pages_with_text;
