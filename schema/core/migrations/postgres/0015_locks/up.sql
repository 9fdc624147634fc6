-- Who has locked an object, and until when; no row of one that has expired says anything.
CREATE TABLE object_lock (
    object_no  BIGINT NOT NULL PRIMARY KEY REFERENCES object (no),
    owner_no   BIGINT NOT NULL REFERENCES principal (no),
    locked_at  BIGINT NOT NULL,
    expires_at BIGINT,
    comment    TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX object_lock_by_owner ON object_lock (owner_no);
