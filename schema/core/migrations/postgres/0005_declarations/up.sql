-- Vocabularies declared at run time, beside the types that are.
CREATE TABLE vocabulary_definition (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    definition TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL
);
-- Whether a facet is in use, and on what.
CREATE INDEX object_facet_by_facet ON object_facet (facet_id, object_no);
