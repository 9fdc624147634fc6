-- Which pages of which blobs, in which order and turned how, make a document; originals stay as they are.
CREATE TABLE arrangement (
    object_no  BIGINT NOT NULL PRIMARY KEY REFERENCES object (no),
    digest     TEXT    NOT NULL,  -- of the pages as text: names the file that is made of them
    page_count INTEGER NOT NULL,
    pages      TEXT    NOT NULL   -- [{"digest": "…", "page": 1, "rotation": 0}, …]
);
CREATE INDEX arrangement_by_digest ON arrangement (digest);

-- The blobs that an arrangement takes pages of: they are bound by it.
CREATE TABLE arrangement_source (
    object_no BIGINT NOT NULL REFERENCES object (no),
    blob_no   BIGINT NOT NULL REFERENCES blob (no),
    PRIMARY KEY (object_no, blob_no)
);
CREATE INDEX arrangement_source_by_blob ON arrangement_source (blob_no);
