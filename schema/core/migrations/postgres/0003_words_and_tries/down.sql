ALTER TABLE user_credential ADD COLUMN failed_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user_credential ADD COLUMN locked_until BIGINT;
DROP INDEX rendition_uncounted;
ALTER TABLE rendition DROP COLUMN pages_with_text;
