-- A scan that holds images only was read like any other paper, and no word of it can be found: whoever looks has to be
-- told. Texts that were made before are counted by the running office, which finds them here.
ALTER TABLE rendition ADD COLUMN pages_with_text INTEGER;
CREATE INDEX rendition_uncounted ON rendition (no) WHERE state = 'ready' AND pages_with_text IS NULL;
