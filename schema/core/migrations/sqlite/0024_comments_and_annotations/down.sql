DROP TABLE annotation;
DROP TABLE comment;
