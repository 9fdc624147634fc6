-- Who is told of changes at which address, from which place of which log on, and what was sent to him.
CREATE TABLE webhook (
    no           INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    owner_no     BIGINT  NOT NULL REFERENCES principal (no),
    name         TEXT    NOT NULL,
    url          TEXT    NOT NULL,
    secret       TEXT    NOT NULL,  -- signs what is sent; told once
    filter       TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state = 'active' OR state = 'failing' OR state = 'paused'),
    code         TEXT,              -- why it is paused or failing
    detail       TEXT,
    change_token BIGINT  NOT NULL DEFAULT 0,
    created_at   BIGINT  NOT NULL,
    log_identity TEXT    NOT NULL,
    position     BIGINT  NOT NULL,  -- what became of all up to here is recorded
    next_at      BIGINT  NOT NULL DEFAULT 0,
    lease_owner  TEXT,
    lease_until  BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX webhook_by_owner ON webhook (owner_no, no);

CREATE TABLE webhook_delivery (
    no             INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT    NOT NULL UNIQUE,
    webhook_no     BIGINT  NOT NULL REFERENCES webhook (no),
    kind           TEXT    NOT NULL CHECK (kind = 'changes' OR kind = 'log_replaced'),
    previous_log   TEXT,
    after_position BIGINT  NOT NULL,
    to_position    BIGINT  NOT NULL,
    state          TEXT    NOT NULL CHECK (state = 'pending' OR state = 'delivered' OR state = 'dead'),
    attempts       BIGINT  NOT NULL DEFAULT 0,
    code           TEXT,   -- why the last attempt failed
    detail         TEXT,
    created_at     BIGINT  NOT NULL,
    finished_at    BIGINT
);
CREATE INDEX webhook_delivery_by_state ON webhook_delivery (webhook_no, state, no);
