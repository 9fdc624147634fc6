-- What is in a bag, as sets of numbers (Roaring): whoever may no longer read all of it does not get it any more.
ALTER TABLE export ADD COLUMN objects BLOB;       -- documents, folders and versions
ALTER TABLE export ADD COLUMN with_content BLOB;  -- those of which contents are in it
