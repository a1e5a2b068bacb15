-- Times are milliseconds since the epoch.
CREATE TABLE jobs (
    number           INTEGER PRIMARY KEY, -- in the order of arrival
    id               TEXT    NOT NULL UNIQUE, -- UUIDv7
    owner            TEXT    NOT NULL,
    status           TEXT    NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    ttl_seconds      INTEGER NOT NULL,
    created_ms       INTEGER NOT NULL,
    request_id       TEXT,
    attempt          INTEGER NOT NULL DEFAULT 0,
    lease_owner      TEXT,
    lease_expires_ms INTEGER,
    started_ms       INTEGER,
    completed_ms     INTEGER,
    expires_ms       INTEGER,
    status_code      INTEGER,
    progress         BLOB, -- JSON; NULL stands for none yet
    result           BLOB, -- JSON
    error            BLOB, -- JSON
    CHECK ((status = 'processing') = (lease_owner IS NOT NULL)),
    CHECK ((lease_owner IS NULL) = (lease_expires_ms IS NULL)),
    CHECK ((status IN ('completed', 'failed')) = (expires_ms IS NOT NULL)),
    CHECK ((expires_ms IS NULL) = (completed_ms IS NULL))
) STRICT;

-- Apart from the rest, because SQLite rewrites a whole row at each change: a renewed lease must
-- not cost a write of the text, which may be millions of characters long.
CREATE TABLE job_requests (
    number  INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    request BLOB NOT NULL -- JSON
) STRICT;

-- The status is in the index, though constant, so that counting the queue reads nothing else.
CREATE INDEX jobs_pending ON jobs (status, number) WHERE status = 'pending';
CREATE INDEX jobs_leases ON jobs (lease_expires_ms) WHERE status = 'processing';
CREATE INDEX jobs_expiry ON jobs (expires_ms) WHERE expires_ms IS NOT NULL;

-- How many jobs there are of each status, kept by the triggers below: the queue's limit is
-- checked at every submission and must not count rows.
CREATE TABLE job_counts (
    status TEXT    NOT NULL PRIMARY KEY,
    jobs   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO job_counts VALUES ('pending', 0), ('processing', 0), ('completed', 0), ('failed', 0);

CREATE TRIGGER jobs_count_inserted AFTER INSERT ON jobs
BEGIN
    UPDATE job_counts SET jobs = jobs + 1 WHERE status = new.status;
END;

CREATE TRIGGER jobs_count_deleted AFTER DELETE ON jobs
BEGIN
    UPDATE job_counts SET jobs = jobs - 1 WHERE status = old.status;
END;

CREATE TRIGGER jobs_count_changed AFTER UPDATE OF status ON jobs WHEN old.status <> new.status
BEGIN
    UPDATE job_counts SET jobs = jobs - 1 WHERE status = old.status;
    UPDATE job_counts SET jobs = jobs + 1 WHERE status = new.status;
END;

-- What a submission writes, as one row, so that a whole batch is one statement.
CREATE VIEW submissions AS
    SELECT id, owner, ttl_seconds, created_ms, request_id, request, 0 AS queue_limit
    FROM jobs JOIN job_requests USING (number);

CREATE TRIGGER submissions_insert INSTEAD OF INSERT ON submissions
BEGIN
    SELECT raise(ABORT, 'queue full')
    FROM job_counts WHERE status = 'pending' AND jobs >= new.queue_limit;
    INSERT INTO jobs (id, owner, ttl_seconds, created_ms, request_id)
    VALUES (new.id, new.owner, new.ttl_seconds, new.created_ms, new.request_id);
    INSERT INTO job_requests (number, request) VALUES (last_insert_rowid(), new.request);
END;
