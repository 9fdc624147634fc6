-- The foundation: objects, series, versions, filing, scopes, access lists, properties, content, blobs, renditions,
-- changes, jobs, imports, principals and sessions. Instants are milliseconds since the epoch, UTC.

CREATE TABLE repository_info (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- People and groups -------------------------------------------------------------------------------------------------

CREATE TABLE principal (
    no           INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    kind         TEXT    NOT NULL CHECK (kind IN ('user', 'group')),
    name         TEXT    NOT NULL,
    name_key     BLOB    NOT NULL,
    display_name TEXT    NOT NULL,
    epoch        BIGINT  NOT NULL DEFAULT 0,  -- turned by every change of password, lock or groups
    created_at   BIGINT  NOT NULL,
    disabled_at  BIGINT,
    UNIQUE (kind, name_key)
);

CREATE TABLE user_credential (
    principal_no  BIGINT  NOT NULL PRIMARY KEY REFERENCES principal (no),
    password_hash TEXT    NOT NULL,
    must_change   BOOLEAN NOT NULL,
    changed_at    BIGINT  NOT NULL,
    failed_count  INTEGER NOT NULL DEFAULT 0,
    locked_until  BIGINT
);

CREATE TABLE group_member (
    group_no  BIGINT NOT NULL REFERENCES principal (no),
    member_no BIGINT NOT NULL REFERENCES principal (no),
    PRIMARY KEY (group_no, member_no)
);
CREATE INDEX group_member_by_member ON group_member (member_no);

CREATE TABLE session (
    no              INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    kind            TEXT    NOT NULL CHECK (kind IN ('browser', 'bearer', 'token')),
    principal_no    BIGINT  NOT NULL REFERENCES principal (no),
    principal_epoch BIGINT  NOT NULL,
    token_digest    BLOB    NOT NULL UNIQUE,
    csrf_token      TEXT,
    label           TEXT    NOT NULL DEFAULT '',
    created_at      BIGINT  NOT NULL,
    seen_at         BIGINT  NOT NULL,
    expires_at      BIGINT  NOT NULL
);
CREATE INDEX session_by_principal ON session (principal_no);
CREATE INDEX session_by_expiry ON session (expires_at);

-- Access control ----------------------------------------------------------------------------------------------------

CREATE TABLE acl_row (
    no        INTEGER PRIMARY KEY,
    parent_no BIGINT  REFERENCES acl_row (no),
    inherits  BOOLEAN NOT NULL DEFAULT TRUE
);
CREATE INDEX acl_row_by_parent ON acl_row (parent_no);

CREATE TABLE acl_entry (
    no           INTEGER  PRIMARY KEY,
    acl_row_no   BIGINT   NOT NULL REFERENCES acl_row (no),
    list         TEXT     NOT NULL DEFAULT 'local',
    ordinal      INTEGER  NOT NULL,
    principal_no BIGINT   NOT NULL REFERENCES principal (no),
    permission   TEXT     NOT NULL,
    grants       BOOLEAN  NOT NULL,
    begin_at     BIGINT,
    end_at       BIGINT
);
CREATE INDEX acl_entry_by_row ON acl_entry (acl_row_no, ordinal);
CREATE INDEX acl_entry_by_principal ON acl_entry (principal_no);

-- The numbered log of changes to access lists and group membership, by which a node keeps its decisions current.
CREATE TABLE acl_change (
    no         INTEGER PRIMARY KEY,
    acl_row_no BIGINT,
    scope_no   BIGINT,
    at         BIGINT  NOT NULL
);

CREATE TABLE scope (
    no         INTEGER PRIMARY KEY,
    kind       TEXT    NOT NULL CHECK (kind IN ('folder', 'series', 'unfiled')),
    acl_row_no BIGINT  NOT NULL REFERENCES acl_row (no),
    parent_no  BIGINT  REFERENCES scope (no)
);
CREATE INDEX scope_by_acl_row ON scope (acl_row_no);
CREATE INDEX scope_by_parent ON scope (parent_no);

-- Objects -----------------------------------------------------------------------------------------------------------

CREATE TABLE version_series (
    no             INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    scope_no       BIGINT  NOT NULL REFERENCES scope (no),
    latest_major   INTEGER NOT NULL DEFAULT 0,
    latest_minor   INTEGER NOT NULL DEFAULT 0,
    checked_out_by BIGINT  REFERENCES principal (no),
    clock          BIGINT  NOT NULL  -- the greatest instant used in the series: the next one is later
);
CREATE INDEX version_series_by_scope ON version_series (scope_no);

-- `scope_no`: a folder's own scope; of a document its series' scope, which is its primary folder's unless it has its own.
CREATE TABLE object (
    no            INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    base          TEXT    NOT NULL CHECK (base IN ('document', 'folder', 'relationship', 'policy', 'item')),
    role          TEXT    NOT NULL CHECK (role IN ('live', 'version', 'working')),
    type_id       TEXT    NOT NULL,
    series_no     BIGINT  REFERENCES version_series (no),
    scope_no      BIGINT  NOT NULL REFERENCES scope (no),
    name          TEXT    NOT NULL,
    title         TEXT    NOT NULL,
    properties    TEXT    NOT NULL DEFAULT '{}',
    state         TEXT,
    change_token  BIGINT  NOT NULL DEFAULT 1,
    created_at    BIGINT  NOT NULL,
    created_by    BIGINT  NOT NULL REFERENCES principal (no),
    modified_at   BIGINT  NOT NULL,
    modified_by   BIGINT  NOT NULL REFERENCES principal (no),
    trashed_at    BIGINT,
    trashed_by    BIGINT  REFERENCES principal (no),
    source_system TEXT,
    source_id     TEXT
);
CREATE INDEX object_by_series ON object (series_no, role);
CREATE INDEX object_by_scope ON object (scope_no);
CREATE INDEX object_by_type ON object (type_id, role);
CREATE INDEX object_trashed ON object (trashed_at) WHERE trashed_at IS NOT NULL;
CREATE UNIQUE INDEX object_by_source ON object (source_system, source_id) WHERE source_id IS NOT NULL AND role = 'live';

CREATE TABLE object_facet (
    object_no BIGINT NOT NULL REFERENCES object (no),
    facet_id  TEXT   NOT NULL,
    PRIMARY KEY (object_no, facet_id)
);

CREATE TABLE version (
    object_no  INTEGER NOT NULL PRIMARY KEY REFERENCES object (no),
    series_no  BIGINT  NOT NULL REFERENCES version_series (no),
    major      INTEGER NOT NULL,
    minor      INTEGER NOT NULL,
    comment    TEXT    NOT NULL DEFAULT '',
    made_at    BIGINT  NOT NULL,
    made_by    BIGINT  NOT NULL REFERENCES principal (no),
    retain_until BIGINT,
    legal_hold BOOLEAN NOT NULL DEFAULT FALSE,
    UNIQUE (series_no, major, minor),
    UNIQUE (series_no, made_at)
);

-- Where objects are filed. `ordinal` is the order of receipt; a name in the trash is free for others.
CREATE TABLE filing (
    no         INTEGER PRIMARY KEY,
    parent_no  BIGINT  NOT NULL REFERENCES object (no),
    child_no   BIGINT  NOT NULL REFERENCES object (no),
    name       TEXT    NOT NULL,
    name_digest BLOB   NOT NULL,  -- SHA-256 of the NFC name: unique for names of any length
    ordinal    BIGINT  NOT NULL,
    is_primary BOOLEAN NOT NULL,
    is_trashed BOOLEAN NOT NULL DEFAULT FALSE,
    filed_at   BIGINT  NOT NULL,
    UNIQUE (child_no, parent_no)
);
CREATE UNIQUE INDEX filing_by_name ON filing (parent_no, name_digest) WHERE NOT is_trashed;
CREATE INDEX filing_by_order ON filing (parent_no, ordinal);

CREATE TABLE dossier_version (
    no         INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    dossier_no BIGINT  NOT NULL REFERENCES object (no),
    number     INTEGER NOT NULL,
    comment    TEXT    NOT NULL DEFAULT '',
    name       TEXT    NOT NULL,
    title      TEXT    NOT NULL,
    properties TEXT    NOT NULL,
    position   BIGINT  NOT NULL,  -- place in the change log up to which the manifest is true
    digest     BLOB    NOT NULL,
    made_at    BIGINT  NOT NULL,
    made_by    BIGINT  NOT NULL REFERENCES principal (no),
    UNIQUE (dossier_no, number)
);

CREATE TABLE dossier_version_member (
    dossier_version_no BIGINT  NOT NULL REFERENCES dossier_version (no),
    ordinal            INTEGER NOT NULL,
    live_no            BIGINT  NOT NULL REFERENCES object (no),
    version_no         BIGINT  REFERENCES object (no),
    name               TEXT    NOT NULL,
    PRIMARY KEY (dossier_version_no, ordinal)
);
CREATE INDEX dossier_version_member_by_version ON dossier_version_member (version_no);

-- Properties declared as indexed, nested paths and list elements included.
CREATE TABLE property (
    no INTEGER PRIMARY KEY,
    id TEXT    NOT NULL UNIQUE
);

CREATE TABLE property_value (
    object_no   BIGINT  NOT NULL REFERENCES object (no),
    property_no BIGINT  NOT NULL REFERENCES property (no),
    ordinal     INTEGER NOT NULL,
    text_key    BLOB,
    int_value   BIGINT,
    real_value  DOUBLE PRECISION,
    instant     BIGINT,
    PRIMARY KEY (object_no, property_no, ordinal)
);
CREATE INDEX property_value_by_text ON property_value (property_no, text_key, object_no) WHERE text_key IS NOT NULL;
CREATE INDEX property_value_by_int ON property_value (property_no, int_value, object_no) WHERE int_value IS NOT NULL;
CREATE INDEX property_value_by_real ON property_value (property_no, real_value, object_no) WHERE real_value IS NOT NULL;
CREATE INDEX property_value_by_instant ON property_value (property_no, instant, object_no) WHERE instant IS NOT NULL;

-- Types declared at run time.
CREATE TABLE type_definition (
    id         TEXT   NOT NULL PRIMARY KEY,
    definition TEXT   NOT NULL,
    version    BIGINT NOT NULL
);

-- Content -----------------------------------------------------------------------------------------------------------

CREATE TABLE blob (
    no           INTEGER PRIMARY KEY,
    digest       TEXT    NOT NULL,
    generation   INTEGER NOT NULL,
    size_bytes   BIGINT  NOT NULL,
    created_at   BIGINT  NOT NULL,
    condemned_at BIGINT,
    verified_at  BIGINT,
    UNIQUE (digest, generation)
);
CREATE UNIQUE INDEX blob_living ON blob (digest) WHERE condemned_at IS NULL;
CREATE INDEX blob_condemned ON blob (condemned_at) WHERE condemned_at IS NOT NULL;
CREATE INDEX blob_by_age ON blob (created_at);

CREATE TABLE blob_lease (
    id         TEXT   NOT NULL PRIMARY KEY,
    holder     TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE content (
    object_no     BIGINT NOT NULL REFERENCES object (no),
    slot          TEXT   NOT NULL DEFAULT 'content',
    blob_no       BIGINT NOT NULL REFERENCES blob (no),
    media_type    TEXT   NOT NULL,
    file_name     TEXT   NOT NULL,
    file_name_raw BLOB,
    PRIMARY KEY (object_no, slot)
);
CREATE INDEX content_by_blob ON content (blob_no);

CREATE TABLE rendition (
    no            INTEGER PRIMARY KEY,
    source_digest TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    producer      TEXT    NOT NULL,
    parameters    TEXT    NOT NULL DEFAULT '',
    state         TEXT    NOT NULL CHECK (state IN ('waiting', 'ready', 'failed')),
    blob_no       BIGINT  REFERENCES blob (no),
    page_count    INTEGER,
    faults        TEXT    NOT NULL DEFAULT '[]',
    updated_at    BIGINT  NOT NULL,
    UNIQUE (source_digest, kind, producer, parameters)
);
CREATE INDEX rendition_by_blob ON rendition (blob_no) WHERE blob_no IS NOT NULL;
CREATE INDEX rendition_by_state ON rendition (kind, state);

-- Changes -----------------------------------------------------------------------------------------------------------

-- One log. A transaction inserts rows without position; the sequencer numbers and chains them.
CREATE TABLE change (
    no            INTEGER PRIMARY KEY,
    position      BIGINT  UNIQUE,
    transaction_id TEXT   NOT NULL,
    at            BIGINT  NOT NULL,
    kind          TEXT    NOT NULL,
    audit_only    BOOLEAN NOT NULL,
    object_no     BIGINT,
    object_id     TEXT,
    series_no     BIGINT,
    scope_no      BIGINT,
    principal_no  BIGINT  NOT NULL,
    before_json   TEXT,
    after_json    TEXT,
    detail        TEXT    NOT NULL DEFAULT '{}',
    values_digest BLOB    NOT NULL,
    chain         BLOB
);
CREATE INDEX change_unnumbered ON change (no) WHERE position IS NULL;
CREATE INDEX change_by_object ON change (object_no, position);
CREATE INDEX change_by_transaction ON change (transaction_id);

CREATE TABLE change_seal (
    day         TEXT   NOT NULL PRIMARY KEY,
    position    BIGINT NOT NULL,
    merkle_root BLOB   NOT NULL
);

-- Work --------------------------------------------------------------------------------------------------------------

CREATE TABLE job (
    no          INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    kind        TEXT    NOT NULL,
    payload     TEXT    NOT NULL,
    dedupe_key  TEXT,
    state       TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'dead')),
    priority    INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    run_after   BIGINT  NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT,
    progress    TEXT,
    reason      TEXT,
    created_at  BIGINT  NOT NULL,
    created_by  BIGINT  REFERENCES principal (no),
    finished_at BIGINT
);
CREATE UNIQUE INDEX job_dedupe ON job (dedupe_key) WHERE dedupe_key IS NOT NULL AND state IN ('waiting', 'running');
CREATE INDEX job_due ON job (priority DESC, run_after, no) WHERE state = 'waiting';
CREATE INDEX job_running ON job (lease_until) WHERE state = 'running';
-- Not of those that wait: their order is that of job_due, and a planner without statistics would take this one.
CREATE INDEX job_finished ON job (state, finished_at) WHERE finished_at IS NOT NULL;


CREATE TABLE import_source (
    no           INTEGER PRIMARY KEY,
    principal_no BIGINT  NOT NULL REFERENCES principal (no),
    name         TEXT    NOT NULL,
    folder_no    BIGINT  NOT NULL REFERENCES object (no),
    UNIQUE (principal_no, name)
);

CREATE TABLE import_entry (
    source_no   BIGINT NOT NULL REFERENCES import_source (no),
    path_digest BLOB   NOT NULL,
    path        TEXT   NOT NULL,
    blob_digest TEXT   NOT NULL,
    document_no BIGINT NOT NULL REFERENCES object (no),
    taken_at    BIGINT NOT NULL,
    PRIMARY KEY (source_no, path_digest)
);
CREATE INDEX import_entry_by_document ON import_entry (document_no);

CREATE TABLE import_run (
    no            INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    source_no     BIGINT  NOT NULL REFERENCES import_source (no),
    folder_name   TEXT    NOT NULL,  -- the dossier of files that lie at the top
    state         TEXT    NOT NULL CHECK (state IN ('open', 'finished')),
    created_count BIGINT  NOT NULL DEFAULT 0,
    version_count BIGINT  NOT NULL DEFAULT 0,
    taken_count   BIGINT  NOT NULL DEFAULT 0,
    started_at    BIGINT  NOT NULL,
    finished_at   BIGINT
);

CREATE TABLE import_fault (
    run_no BIGINT NOT NULL REFERENCES import_run (no),
    path   TEXT   NOT NULL,
    code   TEXT   NOT NULL,
    reason TEXT   NOT NULL,
    PRIMARY KEY (run_no, path, code)
);

CREATE TABLE idempotency (
    principal_no   BIGINT NOT NULL REFERENCES principal (no),
    key            TEXT   NOT NULL,
    request_digest BLOB   NOT NULL,
    object_id      TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    PRIMARY KEY (principal_no, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
