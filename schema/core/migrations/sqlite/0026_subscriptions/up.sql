-- What people want to be told of: an object, what lies in a folder, what a saved search finds, what is in a collection.
CREATE TABLE subscription (
    no            INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT    NOT NULL UNIQUE,
    owner_no      BIGINT  NOT NULL REFERENCES principal (no),
    kind          TEXT    NOT NULL CHECK (kind = 'object' OR kind = 'tree' OR kind = 'saved_search' OR kind = 'collection'),
    target_id     TEXT    NOT NULL,
    own_changes   BOOLEAN NOT NULL,
    from_position BIGINT  NOT NULL,
    change_token  BIGINT  NOT NULL DEFAULT 1,
    created_at    BIGINT  NOT NULL
);
CREATE UNIQUE INDEX subscription_of_owner ON subscription (owner_no, kind, target_id);
CREATE INDEX subscription_by_target ON subscription (kind, target_id);

-- What somebody was told: which change, of what. Whether he may know of it is looked up when he reads.
CREATE TABLE notification (
    no              INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL UNIQUE,
    owner_no        BIGINT  NOT NULL REFERENCES principal (no),
    subscription_id TEXT    NOT NULL,
    log_identity    TEXT    NOT NULL,
    position        BIGINT  NOT NULL,
    change_kind     TEXT    NOT NULL,
    object_no       BIGINT  NOT NULL,  -- it may be gone
    object_id       TEXT    NOT NULL,
    scope_no        BIGINT  NOT NULL,
    made_by         BIGINT  NOT NULL REFERENCES principal (no),
    made_at         BIGINT  NOT NULL,
    read_at         BIGINT
);
CREATE UNIQUE INDEX notification_once ON notification (owner_no, log_identity, position, object_no);
CREATE INDEX notification_by_object ON notification (object_no);
CREATE INDEX notification_by_age ON notification (made_at);

-- Up to which change of which log everybody was told.
CREATE TABLE subscription_place (
    no           INTEGER NOT NULL PRIMARY KEY CHECK (no = 1),
    log_identity TEXT    NOT NULL,
    position     BIGINT  NOT NULL
);
