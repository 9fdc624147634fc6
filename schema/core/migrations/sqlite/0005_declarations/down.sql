DROP INDEX object_facet_by_facet;
DROP TABLE vocabulary_definition;
