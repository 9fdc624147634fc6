-- Sequences give each number once by themselves.
SELECT 1;
