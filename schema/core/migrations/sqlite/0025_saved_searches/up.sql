-- Searches that people keep, run with the rights of whoever runs them.
CREATE TABLE saved_search (
    no           INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    owner_no     BIGINT  NOT NULL REFERENCES principal (no),
    name         TEXT    NOT NULL,
    search       TEXT    NOT NULL,
    change_token BIGINT  NOT NULL DEFAULT 1,
    created_at   BIGINT  NOT NULL,
    modified_at  BIGINT  NOT NULL
);
CREATE INDEX saved_search_by_owner ON saved_search (owner_no, no);
