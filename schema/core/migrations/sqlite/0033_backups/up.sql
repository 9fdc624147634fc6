-- Backups: when the last whole copy was made, and what one that is under way waits for.
CREATE TABLE backup_run (
    no          INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT   NOT NULL UNIQUE,
    target      TEXT   NOT NULL,
    state       TEXT   NOT NULL CHECK (state = 'running' OR state = 'done' OR state = 'failed'),
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    snapshot    TEXT,
    blobs       BIGINT NOT NULL DEFAULT 0,
    files_new   BIGINT NOT NULL DEFAULT 0,
    bytes_new   BIGINT NOT NULL DEFAULT 0,
    reason      TEXT
);
CREATE INDEX backup_run_by_target ON backup_run (target, no);
