-- How much room a user may take, and takes: by the objects that he made, those in the trash too, and by their contents in all
-- versions; the same bytes count once in a document, however many versions have them.

CREATE TABLE quota (  -- no row: no limit
    principal_no BIGINT NOT NULL PRIMARY KEY REFERENCES principal (no),
    bytes_max    BIGINT,
    objects_max  BIGINT
);

CREATE TABLE space (
    principal_no BIGINT NOT NULL PRIMARY KEY REFERENCES principal (no),
    size_bytes   BIGINT NOT NULL,
    object_count BIGINT NOT NULL
);
CREATE INDEX space_by_size ON space (size_bytes);

-- Which bytes a document has, and for whom they count. The triggers below keep it, so that no way of writing is forgotten; a
-- migration that makes `object` or `content` anew makes them anew too. `cartulary verify` counts again.
CREATE TABLE series_blob (
    series_no    BIGINT NOT NULL,
    blob_no      BIGINT NOT NULL,
    principal_no BIGINT NOT NULL,
    size_bytes   BIGINT NOT NULL,
    uses         BIGINT NOT NULL,
    PRIMARY KEY (series_no, blob_no)
);
CREATE INDEX series_blob_by_principal ON series_blob (principal_no);

-- What the transaction that is under way takes and gives back: it empties this at its end, when it counts against the limit.
CREATE TABLE space_change (
    no             INTEGER PRIMARY KEY,
    transaction_no BIGINT NOT NULL DEFAULT 0,
    principal_no   BIGINT NOT NULL,
    size_bytes     BIGINT NOT NULL,
    object_count   BIGINT NOT NULL
);

INSERT INTO series_blob (series_no, blob_no, principal_no, size_bytes, uses)
SELECT o.series_no, c.blob_no, MIN(COALESCE(l.created_by, o.created_by)), MIN(b.size_bytes), COUNT(*)
FROM content c
JOIN object o ON o.no = c.object_no
JOIN blob b ON b.no = c.blob_no
LEFT JOIN object l ON l.series_no = o.series_no AND l.role = 'live'
WHERE o.series_no IS NOT NULL
GROUP BY o.series_no, c.blob_no;

INSERT INTO space (principal_no, size_bytes, object_count)
SELECT p.no,
    (SELECT COALESCE(SUM(s.size_bytes), 0) FROM series_blob s WHERE s.principal_no = p.no),
    (SELECT COUNT(*) FROM object o WHERE o.created_by = p.no AND o.role = 'live')
FROM principal p WHERE EXISTS (SELECT 1 FROM object o WHERE o.created_by = p.no);

CREATE TRIGGER series_blob_taken AFTER INSERT ON series_blob BEGIN
    INSERT INTO space_change (principal_no, size_bytes, object_count) VALUES (NEW.principal_no, NEW.size_bytes, 0);
END;
CREATE TRIGGER series_blob_given_back AFTER DELETE ON series_blob BEGIN
    INSERT INTO space_change (principal_no, size_bytes, object_count) VALUES (OLD.principal_no, -OLD.size_bytes, 0);
END;

CREATE TRIGGER content_counted AFTER INSERT ON content BEGIN
    INSERT INTO series_blob (series_no, blob_no, principal_no, size_bytes, uses)
    SELECT o.series_no, NEW.blob_no,
        COALESCE((SELECT l.created_by FROM object l WHERE l.series_no = o.series_no AND l.role = 'live'), o.created_by),
        b.size_bytes, 1
    FROM object o, blob b
    WHERE o.no = NEW.object_no AND b.no = NEW.blob_no AND o.series_no IS NOT NULL
    ON CONFLICT (series_no, blob_no) DO UPDATE SET uses = uses + 1;
END;
CREATE TRIGGER content_no_longer_counted AFTER DELETE ON content BEGIN
    UPDATE series_blob SET uses = uses - 1
    WHERE blob_no = OLD.blob_no AND series_no = (SELECT series_no FROM object WHERE no = OLD.object_no);
    DELETE FROM series_blob
    WHERE uses <= 0 AND blob_no = OLD.blob_no AND series_no = (SELECT series_no FROM object WHERE no = OLD.object_no);
END;
CREATE TRIGGER content_exchanged AFTER UPDATE OF blob_no ON content WHEN OLD.blob_no <> NEW.blob_no BEGIN
    INSERT INTO series_blob (series_no, blob_no, principal_no, size_bytes, uses)
    SELECT o.series_no, NEW.blob_no,
        COALESCE((SELECT l.created_by FROM object l WHERE l.series_no = o.series_no AND l.role = 'live'), o.created_by),
        b.size_bytes, 1
    FROM object o, blob b
    WHERE o.no = NEW.object_no AND b.no = NEW.blob_no AND o.series_no IS NOT NULL
    ON CONFLICT (series_no, blob_no) DO UPDATE SET uses = uses + 1;
    UPDATE series_blob SET uses = uses - 1
    WHERE blob_no = OLD.blob_no AND series_no = (SELECT series_no FROM object WHERE no = OLD.object_no);
    DELETE FROM series_blob
    WHERE uses <= 0 AND blob_no = OLD.blob_no AND series_no = (SELECT series_no FROM object WHERE no = OLD.object_no);
END;

CREATE TRIGGER object_counted AFTER INSERT ON object WHEN NEW.role = 'live' BEGIN
    INSERT INTO space_change (principal_no, size_bytes, object_count) VALUES (NEW.created_by, 0, 1);
END;
CREATE TRIGGER object_no_longer_counted AFTER DELETE ON object WHEN OLD.role = 'live' BEGIN
    INSERT INTO space_change (principal_no, size_bytes, object_count) VALUES (OLD.created_by, 0, -1);
END;
CREATE TRIGGER object_of_another AFTER UPDATE OF created_by ON object
WHEN OLD.role = 'live' AND OLD.created_by <> NEW.created_by BEGIN
    INSERT INTO space_change (principal_no, size_bytes, object_count) VALUES (OLD.created_by, 0, -1);
    INSERT INTO space_change (principal_no, size_bytes, object_count) VALUES (NEW.created_by, 0, 1);
END;
