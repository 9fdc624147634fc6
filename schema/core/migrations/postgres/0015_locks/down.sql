DROP TABLE object_lock;
