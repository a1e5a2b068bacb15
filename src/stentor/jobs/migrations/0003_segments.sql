CREATE TABLE segments (
    key        TEXT    NOT NULL PRIMARY KEY, -- hexadecimal
    size_bytes INTEGER NOT NULL,
    used_ms    INTEGER NOT NULL, -- since the epoch
    private    INTEGER NOT NULL CHECK (private IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX segments_use ON segments (private, used_ms);

-- Which live job needs which segment; the segment may be yet to come.
CREATE TABLE pins (
    number INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    key    TEXT    NOT NULL,
    PRIMARY KEY (number, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX pins_key ON pins (key);

CREATE TRIGGER jobs_unpin AFTER UPDATE OF status ON jobs
    WHEN new.status IN ('completed', 'failed')
BEGIN
    DELETE FROM pins WHERE number = new.number;
END;

-- What the segments that are not private take, kept by the triggers below: a sweep must not add
-- up a whole cache.
CREATE TABLE segment_bytes (
    shared INTEGER NOT NULL
) STRICT;

INSERT INTO segment_bytes VALUES (0);

CREATE TRIGGER segments_sum_inserted AFTER INSERT ON segments WHEN NOT new.private
BEGIN
    UPDATE segment_bytes SET shared = shared + new.size_bytes;
END;

CREATE TRIGGER segments_sum_deleted AFTER DELETE ON segments WHEN NOT old.private
BEGIN
    UPDATE segment_bytes SET shared = shared - old.size_bytes;
END;

CREATE TRIGGER segments_sum_changed AFTER UPDATE OF size_bytes ON segments WHEN NOT new.private
BEGIN
    UPDATE segment_bytes SET shared = shared + new.size_bytes - old.size_bytes;
END;
