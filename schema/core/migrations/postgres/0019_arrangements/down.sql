DROP TABLE arrangement_source;
DROP TABLE arrangement;
