-- What keeps versions: a date, events that a period begins with, legal holds; and the review of what is destroyed afterwards.

-- Since when it is a record: whatever keeps it no longer, it goes by a disposition only.
ALTER TABLE version ADD COLUMN record_at BIGINT;

-- What a version waits for: from the event on it is kept for the period (ISO 8601). When the event is said, the row goes.
CREATE TABLE retention_event (
    object_no BIGINT NOT NULL REFERENCES version (object_no),
    event     TEXT   NOT NULL,
    period    TEXT   NOT NULL,
    PRIMARY KEY (object_no, event)
);

CREATE TABLE legal_hold (
    no             INTEGER PRIMARY KEY,
    id             TEXT   NOT NULL UNIQUE,
    name           TEXT   NOT NULL,
    reason         TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    created_by     BIGINT NOT NULL REFERENCES principal (no),
    released_at    BIGINT,
    released_by    BIGINT REFERENCES principal (no),
    release_reason TEXT
);

-- Which versions are held, while they are. `version.legal_hold` says whether there is a row.
CREATE TABLE held_version (
    hold_no   BIGINT NOT NULL REFERENCES legal_hold (no),
    object_no BIGINT NOT NULL REFERENCES version (object_no),
    held_at   BIGINT NOT NULL,
    held_by   BIGINT NOT NULL REFERENCES principal (no),
    PRIMARY KEY (hold_no, object_no)
);
CREATE INDEX held_version_by_object ON held_version (object_no);

-- A bulk action that destroys records waits for somebody else; its report stays.
CREATE TABLE disposition (
    action_no   BIGINT NOT NULL PRIMARY KEY REFERENCES bulk_action (no),
    reviewed_at BIGINT,
    reviewed_by BIGINT REFERENCES principal (no),
    is_approved BOOLEAN,
    comment     TEXT   NOT NULL DEFAULT ''
);
ALTER TABLE bulk_item ADD COLUMN evidence TEXT;  -- what a destroyed object was, as JSON
