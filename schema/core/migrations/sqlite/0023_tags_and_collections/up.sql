-- Words that people put on objects: for everybody, or for themselves only.
CREATE TABLE tag (
    no         INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    object_no  BIGINT  NOT NULL REFERENCES object (no),
    label      TEXT    NOT NULL,
    label_key  TEXT    NOT NULL,
    put_by     BIGINT  NOT NULL REFERENCES principal (no),
    holder_no  BIGINT  NOT NULL,  -- 0: everybody; else the one whose it is
    created_at BIGINT  NOT NULL
);
CREATE UNIQUE INDEX tag_of_object ON tag (object_no, label_key, holder_no);
CREATE INDEX tag_by_key ON tag (label_key, holder_no, object_no);

-- Ordered lists of objects that somebody keeps. The favourites have the id of their owner.
CREATE TABLE collection (
    no            INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT    NOT NULL UNIQUE,
    owner_no      BIGINT  NOT NULL REFERENCES principal (no),
    is_favourites BOOLEAN NOT NULL,
    name          TEXT    NOT NULL,
    change_token  BIGINT  NOT NULL DEFAULT 1,
    created_at    BIGINT  NOT NULL,
    modified_at   BIGINT  NOT NULL
);
CREATE INDEX collection_by_owner ON collection (owner_no, no);

CREATE TABLE collection_item (
    collection_no BIGINT NOT NULL REFERENCES collection (no),
    object_no     BIGINT NOT NULL REFERENCES object (no),
    ordinal       BIGINT NOT NULL,
    added_by      BIGINT NOT NULL REFERENCES principal (no),
    added_at      BIGINT NOT NULL,
    PRIMARY KEY (collection_no, object_no)
);
CREATE INDEX collection_item_by_object ON collection_item (object_no);

-- To whom a collection or a saved search is shown, by its id.
CREATE TABLE share (
    subject_id   TEXT    NOT NULL,
    principal_no BIGINT  NOT NULL REFERENCES principal (no),
    may_write    BOOLEAN NOT NULL,
    PRIMARY KEY (subject_id, principal_no)
);
CREATE INDEX share_by_principal ON share (principal_no, subject_id);
