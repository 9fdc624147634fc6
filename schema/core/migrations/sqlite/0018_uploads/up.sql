-- Uploads in several requests: what has arrived is parts, blobs that lie in the store like any other; the acknowledged
-- offset and the part before it are one transaction.
CREATE TABLE upload (
    no           INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT   NOT NULL UNIQUE,
    principal_no BIGINT NOT NULL REFERENCES principal (no),
    length_bytes BIGINT NOT NULL,
    offset_bytes BIGINT NOT NULL DEFAULT 0,
    metadata     TEXT   NOT NULL,  -- as the client sent it
    file_name    TEXT   NOT NULL,
    announced    TEXT,             -- the digest that the client says that it will have
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    used_at      BIGINT,           -- since when it is the content of an object
    digest       TEXT              -- of what was made a content
);
CREATE INDEX upload_by_owner ON upload (principal_no, no);
CREATE INDEX upload_by_expiry ON upload (expires_at);

CREATE TABLE upload_part (
    upload_no BIGINT NOT NULL REFERENCES upload (no),
    begins_at BIGINT NOT NULL,  -- the offset of its first byte
    blob_no   BIGINT NOT NULL REFERENCES blob (no),
    PRIMARY KEY (upload_no, begins_at)
);
CREATE INDEX upload_part_by_blob ON upload_part (blob_no);
