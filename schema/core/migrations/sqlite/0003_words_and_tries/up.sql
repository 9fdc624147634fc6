-- A scan that holds images only was read like any other paper, and no word of it can be found: whoever looks has to be
-- told. Texts that were made before are counted by the running office, which finds them here.
ALTER TABLE rendition ADD COLUMN pages_with_text INTEGER;
CREATE INDEX rendition_uncounted ON rendition (no) WHERE state = 'ready' AND pages_with_text IS NULL;
-- Wrong passwords are counted for each name and place, by each node in memory: nobody can lock a user for others, and no
-- row says of a name that it is known.
ALTER TABLE user_credential DROP COLUMN failed_count;
ALTER TABLE user_credential DROP COLUMN locked_until;
