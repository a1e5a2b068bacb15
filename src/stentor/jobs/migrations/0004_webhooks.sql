-- The calls that are owed for ended jobs. All that a call says is copied, since the job may expire
-- or be deleted before its last retry.
CREATE TABLE webhook_deliveries (
    number           INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL UNIQUE, -- the specification's webhook-id
    job_id           TEXT    NOT NULL UNIQUE,
    owner            TEXT    NOT NULL,
    webhook          TEXT    NOT NULL, -- the endpoint's name in the configuration
    status           TEXT    NOT NULL CHECK (status IN ('completed', 'failed')), -- of the job
    request_id       TEXT,
    created_ms       INTEGER NOT NULL, -- this and the next two: of the job
    completed_ms     INTEGER NOT NULL,
    expires_ms       INTEGER NOT NULL,
    status_code      INTEGER NOT NULL,
    state            TEXT    NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'delivered', 'failed')),
    attempt          INTEGER NOT NULL DEFAULT 0, -- numbers the claims
    round_start      INTEGER NOT NULL DEFAULT 0, -- the attempt before the schedule's first
    due_ms           INTEGER NOT NULL,
    lease_expires_ms INTEGER, -- set while it is being delivered
    -- JSON, and last: what comes after a large value is read through it.
    result           BLOB,
    error            BLOB
) STRICT;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, due_ms)
    WHERE state = 'pending';
CREATE INDEX webhook_deliveries_listed ON webhook_deliveries (owner, number);
CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (owner, state, number);
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (owner, webhook, number);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (completed_ms);

-- The delivery log.
CREATE TABLE webhook_attempts (
    number      INTEGER NOT NULL REFERENCES webhook_deliveries ON DELETE CASCADE,
    attempt     INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    latency_ms  INTEGER NOT NULL,
    status_code INTEGER, -- of the answer, if there was one
    error       TEXT,
    PRIMARY KEY (number, attempt)
) STRICT, WITHOUT ROWID;

-- Endpoints that have said that they are gone.
CREATE TABLE webhooks_disabled (
    webhook TEXT    NOT NULL PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    reason  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- However a job ends, the call for it is owed from the same moment on.
CREATE TRIGGER jobs_owe_webhook AFTER UPDATE OF status ON jobs
    WHEN new.webhook IS NOT NULL
        AND new.status IN ('completed', 'failed') AND old.status IN ('pending', 'processing')
BEGIN
    INSERT INTO webhook_deliveries (
        id, job_id, owner, webhook, status, request_id, created_ms, completed_ms, expires_ms,
        status_code, result, error, due_ms
    )
    VALUES (
        'msg_' || replace(new.id, '-', ''), new.id, new.owner, new.webhook, new.status,
        new.request_id, new.created_ms, new.completed_ms, new.expires_ms, new.status_code,
        new.result, new.error, new.completed_ms
    );
END;

-- A result may hold the text. Once the job is gone, it is kept only for a call that is still owed.
CREATE TRIGGER jobs_take_result AFTER DELETE ON jobs
    WHEN old.webhook IS NOT NULL
BEGIN
    UPDATE webhook_deliveries SET result = NULL WHERE job_id = old.id AND state <> 'pending';
END;

CREATE TRIGGER webhook_deliveries_drop_result AFTER UPDATE OF state ON webhook_deliveries
    WHEN new.state <> 'pending' AND new.result IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = new.job_id)
BEGIN
    UPDATE webhook_deliveries SET result = NULL WHERE number = new.number;
END;
