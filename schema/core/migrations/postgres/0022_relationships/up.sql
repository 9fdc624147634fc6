-- What a relationship links: both ends are live objects. It goes with either of them.
CREATE TABLE relationship (
    object_no BIGINT NOT NULL PRIMARY KEY REFERENCES object (no),
    source_no BIGINT NOT NULL REFERENCES object (no),
    target_no BIGINT NOT NULL REFERENCES object (no)
);
CREATE INDEX relationship_by_source ON relationship (source_no, object_no);
CREATE INDEX relationship_by_target ON relationship (target_no, object_no);
