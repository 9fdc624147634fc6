-- What people say of objects, in threads.
CREATE TABLE comment (
    no           INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    object_no    BIGINT  NOT NULL REFERENCES object (no),
    thread_no    BIGINT  NOT NULL,  -- the comment that the thread begins with; 0: this one
    answers_no   BIGINT  NOT NULL,  -- the comment that it answers; 0: none
    author_no    BIGINT  NOT NULL REFERENCES principal (no),
    body         TEXT    NOT NULL,  -- empty once it is deleted
    is_resolved  BOOLEAN NOT NULL,  -- of the whole thread
    is_deleted   BOOLEAN NOT NULL,
    change_token BIGINT  NOT NULL DEFAULT 1,
    created_at   BIGINT  NOT NULL,
    edited_at    BIGINT
);
CREATE INDEX comment_by_object ON comment (object_no, no);
CREATE INDEX comment_by_thread ON comment (thread_no, no);

-- Marks on pages: of an object, on bytes. They stay with the bytes, whichever version has them.
CREATE TABLE annotation (
    no           INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    object_no    BIGINT  NOT NULL REFERENCES object (no),
    digest       TEXT    NOT NULL,
    motivation   TEXT    NOT NULL,
    body         TEXT,
    colour       TEXT,
    boxes        TEXT    NOT NULL,
    creator_no   BIGINT  NOT NULL REFERENCES principal (no),
    change_token BIGINT  NOT NULL DEFAULT 1,
    created_at   BIGINT  NOT NULL,
    modified_at  BIGINT  NOT NULL
);
CREATE INDEX annotation_by_object ON annotation (object_no, digest, no);
