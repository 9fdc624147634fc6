-- Acts on everything that a statement finds, with what became of each object: a job that was cut goes on from here.
CREATE TABLE bulk_action (
    no            INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT    NOT NULL UNIQUE,
    job_id        TEXT    NOT NULL,
    principal_no  BIGINT  NOT NULL REFERENCES principal (no),
    statement     TEXT    NOT NULL,
    act           TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    counted_at    BIGINT,  -- since when all its objects are listed
    aborted_at    BIGINT,
    finished_at   BIGINT,
    total_count   BIGINT  NOT NULL DEFAULT 0,
    done_count    BIGINT  NOT NULL DEFAULT 0,
    failed_count  BIGINT  NOT NULL DEFAULT 0,
    skipped_count BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX bulk_action_by_maker ON bulk_action (principal_no, no);
CREATE INDEX bulk_action_finished ON bulk_action (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE bulk_item (
    action_no BIGINT  NOT NULL REFERENCES bulk_action (no),
    ordinal   BIGINT  NOT NULL,
    object_id TEXT    NOT NULL,
    outcome   TEXT    CHECK (outcome = 'done' OR outcome = 'failed' OR outcome = 'skipped'),  -- none: not yet
    code      TEXT,
    detail    TEXT,
    PRIMARY KEY (action_no, ordinal)
);
CREATE INDEX bulk_item_open ON bulk_item (action_no, ordinal) WHERE outcome IS NULL;
CREATE INDEX bulk_item_by_outcome ON bulk_item (action_no, outcome, ordinal) WHERE outcome IS NOT NULL;
