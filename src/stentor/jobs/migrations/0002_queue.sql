ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 1 -- 0 low, 1 normal, 2 high
    CHECK (priority BETWEEN 0 AND 2);
ALTER TABLE jobs ADD COLUMN express INTEGER NOT NULL DEFAULT 0 CHECK (express IN (0, 1));
ALTER TABLE jobs ADD COLUMN deadline_ms INTEGER;
ALTER TABLE jobs ADD COLUMN webhook TEXT;
ALTER TABLE jobs ADD COLUMN strikes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN last_error TEXT;

-- Each owner's queue, in order. As before, the status is in the index, though constant, so that
-- counting reads nothing else; so is `express`.
DROP INDEX jobs_pending;
CREATE INDEX jobs_queue ON jobs (status, owner, priority DESC, number) WHERE status = 'pending';
CREATE INDEX jobs_express ON jobs (status, express, owner, priority DESC, number)
    WHERE status = 'pending' AND express = 1;

CREATE INDEX jobs_deadlines ON jobs (deadline_ms)
    WHERE deadline_ms IS NOT NULL AND expires_ms IS NULL;

-- For lists. With the expiry, so that rows that are not shown are not read.
CREATE INDEX jobs_listed ON jobs (owner, status, id, expires_ms);

CREATE TABLE queues (
    owner   TEXT    NOT NULL PRIMARY KEY,
    pending INTEGER NOT NULL, -- jobs, kept by the triggers below
    turn    INTEGER NOT NULL DEFAULT 0 -- when the owner was served last: a number that grows
) STRICT, WITHOUT ROWID;

-- Every owner of a job has a row.
INSERT INTO queues (owner, pending)
    SELECT owner, sum(status = 'pending') FROM jobs GROUP BY owner;

CREATE INDEX queues_turn ON queues (turn);
CREATE INDEX queues_waiting ON queues (turn, owner) WHERE pending > 0;

CREATE TRIGGER jobs_queue_inserted AFTER INSERT ON jobs
BEGIN
    INSERT INTO queues (owner, pending) VALUES (new.owner, new.status = 'pending')
    ON CONFLICT (owner) DO UPDATE SET pending = pending + excluded.pending;
END;

CREATE TRIGGER jobs_queue_deleted AFTER DELETE ON jobs WHEN old.status = 'pending'
BEGIN
    UPDATE queues SET pending = pending - 1 WHERE owner = old.owner;
END;

CREATE TRIGGER jobs_queue_left AFTER UPDATE OF status ON jobs
    WHEN old.status = 'pending' AND new.status <> 'pending'
BEGIN
    UPDATE queues SET pending = pending - 1 WHERE owner = new.owner;
END;

CREATE TRIGGER jobs_queue_entered AFTER UPDATE OF status ON jobs
    WHEN old.status <> 'pending' AND new.status = 'pending'
BEGIN
    UPDATE queues SET pending = pending + 1 WHERE owner = new.owner;
END;

-- With a rowid, because callers choose random keys: only the small index is written at random
-- places, the answers one after another.
CREATE TABLE idempotency_keys (
    owner       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    answer      BLOB    NOT NULL, -- JSON
    job_id      TEXT    NOT NULL,
    expires_ms  INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT;

CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_ms);

DROP VIEW submissions;

CREATE VIEW submissions AS
    SELECT
        id, owner, ttl_seconds, created_ms, request_id, priority, express, deadline_ms, webhook,
        request, 0 AS queue_limit
    FROM jobs JOIN job_requests USING (number);

CREATE TRIGGER submissions_insert INSTEAD OF INSERT ON submissions
BEGIN
    SELECT raise(ABORT, 'queue full')
    FROM job_counts WHERE status = 'pending' AND jobs >= new.queue_limit;
    INSERT INTO jobs (
        id, owner, ttl_seconds, created_ms, request_id, priority, express, deadline_ms, webhook
    )
    VALUES (
        new.id, new.owner, new.ttl_seconds, new.created_ms, new.request_id, new.priority,
        new.express, new.deadline_ms, new.webhook
    );
    INSERT INTO job_requests (number, request) VALUES (last_insert_rowid(), new.request);
END;
