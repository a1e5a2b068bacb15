"""The statements behind the SQLite store: each function is one operation within a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, Self

import msgspec

from stentor.contract import JobStatus, Progress
from stentor.jobs.record import POSITIONS_COUNTED, JobRecord, Outcome
from stentor.jobs.sqlite_thread import Bulk
from stentor.jobs.store import JobExists, QueueFull

# A statement for many rows, not `executemany`: at every step SQLite gives up the interpreter's
# lock, and a busy event loop is slow to give it back. SQLite allows 32766 parameters to a
# statement, unless it was built to allow more.
ROWS_PER_INSERT = 256

_COLUMNS = (
    "id, owner, status, ttl_seconds, created_ms, request_id, attempt, lease_owner, "
    "lease_expires_ms, started_ms, completed_ms, expires_ms, status_code, progress, result, error"
)
_END = """
    status = :status, status_code = :status_code, result = :result, error = :error,
    completed_ms = :now_ms, expires_ms = :now_ms + ttl_seconds * 1000,
    lease_owner = NULL, lease_expires_ms = NULL
"""
_RELEASE = "status = 'pending', lease_owner = NULL, lease_expires_ms = NULL, progress = NULL"

_progress = msgspec.json.Decoder(Progress)


@dataclass(frozen=True, slots=True)
class Submit(Bulk[None]):
    """`JobStore.submit`."""

    job: JobRecord
    queue_limit: int

    @classmethod
    def together(
        cls, connection: sqlite3.Connection, operations: Sequence[Self]
    ) -> list[Exception | None]:
        for start in range(0, len(operations), ROWS_PER_INSERT):
            chunk = operations[start : start + ROWS_PER_INSERT]
            rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(chunk))
            try:
                connection.execute(
                    "INSERT INTO submissions "
                    "(id, owner, ttl_seconds, created_ms, request_id, request, queue_limit) "
                    f"VALUES {rows}",
                    list(chain.from_iterable(operation._row() for operation in chunk)),
                )
            except sqlite3.IntegrityError as error:
                if error.sqlite_errorname == "SQLITE_CONSTRAINT_TRIGGER":
                    raise QueueFull(f"{chunk[0].queue_limit} jobs are pending") from error
                if error.sqlite_errorname == "SQLITE_CONSTRAINT_UNIQUE":
                    raise JobExists("a job of this id is stored already") from error
                raise
        return [None] * len(operations)

    @classmethod
    def is_one_statement(cls, count: int) -> bool:
        return count <= ROWS_PER_INSERT

    def _row(self) -> tuple[str | bytes | int | None, ...]:
        job = self.job
        return (
            job.id,
            job.owner,
            job.ttl_seconds,
            job.created_ms,
            job.request_id,
            job.request,
            self.queue_limit,
        )


@dataclass(frozen=True, slots=True)
class Get(Bulk[JobRecord | None]):
    """`JobStore.get`."""

    job_id: str
    owner: str
    now_ms: int

    @classmethod
    def together(
        cls, connection: sqlite3.Connection, operations: Sequence[Self]
    ) -> list[JobRecord | Exception | None]:
        rows = connection.execute(
            f"""
            WITH queue AS MATERIALIZED (
                SELECT
                    (SELECT min(number) FROM jobs WHERE status = 'pending') AS first,
                    (SELECT max(number) FROM jobs WHERE status = 'pending') AS last,
                    (SELECT jobs FROM job_counts WHERE status = 'pending') AS length
            )
            SELECT {_COLUMNS}, CASE
                WHEN status <> 'pending' THEN NULL
                -- A queue without gaps, as it mostly is, need not be counted.
                WHEN last - first + 1 = length THEN number - first
                ELSE (
                    SELECT nullif(count(*), {POSITIONS_COUNTED + 1}) FROM (
                        SELECT 1 FROM jobs AS ahead
                        WHERE ahead.status = 'pending' AND ahead.number < jobs.number
                        LIMIT {POSITIONS_COUNTED + 1}
                    )
                )
            END
            FROM jobs, queue WHERE id IN (SELECT value FROM json_each(?))
            """,
            (_array({operation.job_id for operation in operations}),),
        )
        found = {row[0]: _record(row, ahead=row[-1]) for row in rows}
        return [operation._visible(found.get(operation.job_id)) for operation in operations]

    @classmethod
    def is_one_statement(cls, count: int) -> bool:
        return True

    def _visible(self, job: JobRecord | None) -> JobRecord | None:
        if job is None or job.owner != self.owner:
            return None
        if job.expires_ms is not None and job.expires_ms <= self.now_ms:
            return None
        return job


def claim(
    connection: sqlite3.Connection, worker: str, lease_ms: int, now_ms: int, limit: int
) -> list[JobRecord]:
    rows = connection.execute(
        f"""
        UPDATE jobs SET
            status = 'processing', attempt = attempt + 1, progress = NULL,
            lease_owner = :worker, lease_expires_ms = :now_ms + :lease_ms,
            started_ms = coalesce(started_ms, :now_ms)
        WHERE number IN (
            SELECT number FROM (
                SELECT number FROM jobs WHERE status = 'pending' ORDER BY number LIMIT :limit
            )
            UNION ALL
            SELECT number FROM (
                SELECT number FROM jobs WHERE status = 'processing' AND lease_expires_ms <= :now_ms
                    AND lease_owner <> :worker
                ORDER BY lease_expires_ms LIMIT :limit
            )
            ORDER BY number LIMIT :limit
        )
        RETURNING {_COLUMNS}, number,
            (SELECT request FROM job_requests WHERE job_requests.number = jobs.number)
        """,
        {"worker": worker, "lease_ms": lease_ms, "now_ms": now_ms, "limit": limit},
    ).fetchall()
    rows.sort(key=itemgetter(-2))
    return [_record(row, row[-1]) for row in rows]


def renew(
    connection: sqlite3.Connection,
    job_id: str,
    attempt: int,
    lease_expires_ms: int,
    progress: Progress,
) -> bool:
    return _changes(
        connection,
        "UPDATE jobs SET lease_expires_ms = ?, progress = ? "
        "WHERE id = ? AND attempt = ? AND status = 'processing'",
        (lease_expires_ms, msgspec.json.encode(progress), job_id, attempt),
    )


def finish(
    connection: sqlite3.Connection, job_id: str, attempt: int, outcome: Outcome, now_ms: int
) -> bool:
    return _changes(
        connection,
        f"UPDATE jobs SET {_END} WHERE id = :id AND attempt = :attempt AND status = 'processing'",
        msgspec.structs.asdict(outcome) | {"id": job_id, "attempt": attempt, "now_ms": now_ms},
    )


def cancel(
    connection: sqlite3.Connection, job_id: str, owner: str, outcome: Outcome, now_ms: int
) -> JobRecord | None:
    rows = connection.execute(
        f"UPDATE jobs SET {_END} "
        "WHERE id = :id AND owner = :owner AND status IN ('pending', 'processing') "
        f"RETURNING {_COLUMNS}",
        msgspec.structs.asdict(outcome) | {"id": job_id, "owner": owner, "now_ms": now_ms},
    ).fetchall()
    return _record(rows[0]) if rows else None


def delete(connection: sqlite3.Connection, job_id: str, owner: str) -> bool:
    return _changes(
        connection,
        "DELETE FROM jobs WHERE id = ? AND owner = ? AND expires_ms IS NOT NULL",
        (job_id, owner),
    )


def release(connection: sqlite3.Connection, worker: str) -> int:
    return connection.execute(
        f"UPDATE jobs SET {_RELEASE} WHERE status = 'processing' AND lease_owner = ?", (worker,)
    ).rowcount


def release_job(connection: sqlite3.Connection, job_id: str, attempt: int) -> bool:
    return _changes(
        connection,
        f"UPDATE jobs SET {_RELEASE} WHERE id = ? AND attempt = ? AND status = 'processing'",
        (job_id, attempt),
    )


def release_all(connection: sqlite3.Connection) -> int:
    return connection.execute(f"UPDATE jobs SET {_RELEASE} WHERE status = 'processing'").rowcount


def expired(connection: sqlite3.Connection, now_ms: int, limit: int) -> list[str]:
    rows = connection.execute(
        "SELECT id FROM jobs WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?", (now_ms, limit)
    )
    return [job_id for (job_id,) in rows]


def purge(connection: sqlite3.Connection, job_ids: Sequence[str]) -> None:
    connection.execute(
        "DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?)) AND expires_ms IS NOT NULL",
        (_array(job_ids),),
    )


def counts(connection: sqlite3.Connection) -> dict[JobStatus, int]:
    return dict(connection.execute("SELECT status, jobs FROM job_counts").fetchall())


def _changes(connection: sqlite3.Connection, statement: str, values: Any) -> bool:
    return connection.execute(statement, values).rowcount == 1


def _array(ids: Collection[str]) -> str:
    """The ids as one parameter, for `json_each`."""
    return msgspec.json.encode(ids).decode()


def _record(row: Sequence[Any], request: bytes = b"", *, ahead: int | None = None) -> JobRecord:
    """The record in a row of `_COLUMNS`, with `ahead` pending jobs before it."""
    return JobRecord(
        id=row[0],
        owner=row[1],
        status=row[2],
        ttl_seconds=row[3],
        created_ms=row[4],
        request_id=row[5],
        attempt=row[6],
        lease_owner=row[7],
        lease_expires_ms=row[8],
        started_ms=row[9],
        completed_ms=row[10],
        expires_ms=row[11],
        status_code=row[12],
        progress=_progress.decode(row[13]) if row[13] is not None else Progress(),
        result=row[14],
        error=row[15],
        request=request,
        position=ahead + 1 if ahead is not None else None,
    )
