-- A series has at most one working copy, whoever asks at the same time.
CREATE UNIQUE INDEX object_working ON object (series_no) WHERE role = 'working';
-- The greatest major and the greatest minor number of versions that were destroyed while they were the latest: no other
-- version gets a number again.
ALTER TABLE version_series ADD COLUMN destroyed_major INTEGER NOT NULL DEFAULT 0;
ALTER TABLE version_series ADD COLUMN destroyed_minor INTEGER NOT NULL DEFAULT 0;
-- A dossier as it stood has in it what was moved away, or taken out, since.
CREATE INDEX change_left ON change ((coalesce(detail::json ->> 'from', detail::json ->> 'takenFrom'))) WHERE kind = 'moved';
