-- Bags (BagIt) that jobs make of what somebody may see; each is kept as a blob until it expires.
CREATE TABLE export (
    no             INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT    NOT NULL UNIQUE,
    job_id         TEXT    NOT NULL,
    principal_no   BIGINT  NOT NULL REFERENCES principal (no),
    scope          TEXT    NOT NULL,
    created_at     BIGINT  NOT NULL,
    counted_at     BIGINT,
    aborted_at     BIGINT,
    finished_at    BIGINT,
    expires_at     BIGINT,
    total_count    BIGINT  NOT NULL DEFAULT 0,
    done_count     BIGINT  NOT NULL DEFAULT 0,
    left_out_count BIGINT  NOT NULL DEFAULT 0,
    blob_no        BIGINT  REFERENCES blob (no)
);
CREATE INDEX export_by_maker ON export (principal_no, no);
CREATE INDEX export_by_blob ON export (blob_no) WHERE blob_no IS NOT NULL;
CREATE INDEX export_by_expiry ON export (expires_at) WHERE expires_at IS NOT NULL;

-- The manifest of a version of a dossier as it came from another office: users have other ids there, and the digest is of it.
ALTER TABLE dossier_version ADD COLUMN manifest TEXT;
