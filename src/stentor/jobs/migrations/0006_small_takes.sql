-- What a vendor spoke for a short job, which is that job's whole audio: kept here rather than in
-- two files, so that it is on disk with the job's end, in one commit. The segment index may know it
-- under a key; it goes with the last of the two that has it.
CREATE TABLE small_takes (
    number INTEGER PRIMARY KEY,
    job    INTEGER UNIQUE REFERENCES jobs (number),
    key    TEXT    UNIQUE, -- of the segment
    size   INTEGER NOT NULL, -- of the audio, at the beginning of `data`
    data   BLOB    NOT NULL -- a sealed take
) STRICT;

CREATE TRIGGER jobs_leave_take BEFORE DELETE ON jobs
BEGIN
    DELETE FROM small_takes WHERE job = old.number AND key IS NULL;
    UPDATE small_takes SET job = NULL WHERE job = old.number;
END;

CREATE TRIGGER segments_leave_take AFTER DELETE ON segments
BEGIN
    DELETE FROM small_takes WHERE key = old.key AND job IS NULL;
    UPDATE small_takes SET key = NULL WHERE key = old.key;
END;
