DROP TABLE backup_run;
