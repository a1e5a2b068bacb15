"""The statements behind the SQLite store: each function is one operation within a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

import msgspec

from stentor.contract import JOB_STATUSES, JobStatus, Progress
from stentor.jobs import sqlite_small
from stentor.jobs.record import JobRecord, Outcome
from stentor.jobs.small import SmallTake
from stentor.jobs.sqlite_rows import COLUMNS, array, changes, record

_END = """
    status = :status, status_code = :status_code, result = :result, error = :error,
    completed_ms = :now_ms, expires_ms = :now_ms + ttl_seconds * 1000,
    lease_owner = NULL, lease_expires_ms = NULL
"""
_RELEASE = "status = 'pending', lease_owner = NULL, lease_expires_ms = NULL, progress = NULL"


def request(connection: sqlite3.Connection, job_id: str, owner: str, now_ms: int) -> bytes | None:
    rows = connection.execute(
        """
        SELECT request FROM jobs JOIN job_requests USING (number)
        WHERE id = ? AND owner = ? AND (expires_ms IS NULL OR expires_ms > ?)
        """,
        (job_id, owner, now_ms),
    ).fetchall()
    return rows[0][0] if rows else None


def list_jobs(
    connection: sqlite3.Connection,
    owner: str,
    now_ms: int,
    limit: int,
    after: str | None,
    status: JobStatus | None,
) -> list[JobRecord]:
    # The jobs of each status are in order in the index; SQLite merges them.
    statement = " UNION ALL ".join(
        f"""
        SELECT {COLUMNS} FROM jobs WHERE owner = :owner AND status = '{each}'
            AND (expires_ms IS NULL OR expires_ms > :now_ms)
            {"" if after is None else "AND id < :after"}
        """
        for each in (JOB_STATUSES if status is None else (status,))
    )
    rows = connection.execute(
        f"{statement} ORDER BY id DESC LIMIT :limit",
        {"owner": owner, "now_ms": now_ms, "after": after, "limit": limit},
    )
    return [record(row) for row in rows]


def renew(
    connection: sqlite3.Connection,
    job_id: str,
    attempt: int,
    lease_expires_ms: int,
    progress: Progress,
    advanced: bool,
) -> bool:
    return changes(
        connection,
        f"""
        UPDATE jobs SET lease_expires_ms = ?, progress = ?
            {", strikes = 0, last_error = NULL" if advanced else ""}
        WHERE id = ? AND attempt = ? AND status = 'processing'
        """,
        (lease_expires_ms, msgspec.json.encode(progress), job_id, attempt),
    )


def finish(
    connection: sqlite3.Connection,
    job_id: str,
    attempt: int,
    outcome: Outcome,
    now_ms: int,
    progress: Progress | None,
    take: SmallTake | None,
) -> bool:
    ended = changes(
        connection,
        f"""
        UPDATE jobs SET {_END}, progress = coalesce(:progress, progress)
        WHERE id = :id AND attempt = :attempt AND status = 'processing'
        """,
        msgspec.structs.asdict(outcome)
        | {
            "id": job_id,
            "attempt": attempt,
            "now_ms": now_ms,
            "progress": None if progress is None else msgspec.json.encode(progress),
        },
    )
    if ended and take is not None:
        sqlite_small.insert(connection, job_id, take, now_ms)
    return ended


def cancel(
    connection: sqlite3.Connection, job_id: str, owner: str, outcome: Outcome, now_ms: int
) -> JobRecord | None:
    rows = connection.execute(
        f"UPDATE jobs SET {_END} "
        "WHERE id = :id AND owner = :owner AND status IN ('pending', 'processing') "
        f"RETURNING {COLUMNS}",
        msgspec.structs.asdict(outcome) | {"id": job_id, "owner": owner, "now_ms": now_ms},
    ).fetchall()
    return record(rows[0]) if rows else None


def fail_overdue(
    connection: sqlite3.Connection, outcome: Outcome, now_ms: int, limit: int
) -> list[str]:
    rows = connection.execute(
        f"""
        UPDATE jobs SET {_END}
        WHERE number IN (
            SELECT number FROM jobs WHERE deadline_ms <= :now_ms AND expires_ms IS NULL
            ORDER BY deadline_ms, number LIMIT :limit
        )
        RETURNING deadline_ms, number, id
        """,
        msgspec.structs.asdict(outcome) | {"now_ms": now_ms, "limit": limit},
    ).fetchall()
    return [job_id for _, _, job_id in sorted(rows)]


def delete(connection: sqlite3.Connection, job_id: str, owner: str) -> bool:
    return changes(
        connection,
        "DELETE FROM jobs WHERE id = ? AND owner = ? AND expires_ms IS NOT NULL",
        (job_id, owner),
    )


def release(connection: sqlite3.Connection, worker: str) -> int:
    return connection.execute(
        f"UPDATE jobs SET {_RELEASE} WHERE status = 'processing' AND lease_owner = ?", (worker,)
    ).rowcount


def release_job(
    connection: sqlite3.Connection, job_id: str, attempt: int, error: str | None
) -> bool:
    return changes(
        connection,
        f"""
        UPDATE jobs SET {_RELEASE},
            strikes = strikes + (:error IS NOT NULL), last_error = coalesce(:error, last_error)
        WHERE id = :id AND attempt = :attempt AND status = 'processing'
        """,
        {"id": job_id, "attempt": attempt, "error": error},
    )


def abandon(
    connection: sqlite3.Connection, worker: str, suspects: Collection[str], error: str
) -> int:
    connection.execute(
        """
        UPDATE jobs SET strikes = strikes + 1, last_error = ?
        WHERE id IN (SELECT value FROM json_each(?)) AND status = 'processing' AND lease_owner = ?
        """,
        (error, array(suspects), worker),
    )
    return release(connection, worker)


def release_all(connection: sqlite3.Connection, suspects: Collection[str], error: str) -> int:
    connection.execute(
        """
        UPDATE jobs SET strikes = strikes + 1, last_error = ?
        WHERE id IN (SELECT value FROM json_each(?)) AND status = 'processing'
        """,
        (error, array(suspects)),
    )
    return connection.execute(f"UPDATE jobs SET {_RELEASE} WHERE status = 'processing'").rowcount


def expired(connection: sqlite3.Connection, now_ms: int, limit: int) -> list[str]:
    rows = connection.execute(
        "SELECT id FROM jobs WHERE expires_ms <= ? ORDER BY expires_ms, number LIMIT ?",
        (now_ms, limit),
    )
    return [job_id for (job_id,) in rows]


def purge(connection: sqlite3.Connection, job_ids: Sequence[str]) -> None:
    connection.execute(
        "DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?)) AND expires_ms IS NOT NULL",
        (array(job_ids),),
    )


def purge_keys(connection: sqlite3.Connection, now_ms: int) -> int:
    return connection.execute(
        "DELETE FROM idempotency_keys WHERE expires_ms <= ?", (now_ms,)
    ).rowcount


def known(connection: sqlite3.Connection, job_ids: Collection[str]) -> set[str]:
    rows = connection.execute(
        "SELECT id FROM jobs WHERE id IN (SELECT value FROM json_each(?)) AND status <> 'failed'",
        (array(job_ids),),
    )
    return {job_id for (job_id,) in rows}


def counts(connection: sqlite3.Connection) -> dict[JobStatus, int]:
    return dict(connection.execute("SELECT status, jobs FROM job_counts").fetchall())
