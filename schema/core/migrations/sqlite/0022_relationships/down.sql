DROP TABLE relationship;
