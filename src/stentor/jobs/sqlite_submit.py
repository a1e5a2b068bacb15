"""How jobs enter the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, Self

from stentor.contract import PRIORITIES
from stentor.jobs.record import IdempotencyKey, JobRecord, Replay
from stentor.jobs.sqlite_queue import claim
from stentor.jobs.sqlite_rows import array
from stentor.jobs.sqlite_thread import Bulk
from stentor.jobs.store import JobExists, KeyReused, QueueFull

# A statement for many rows, not `executemany`: at every step SQLite gives up the interpreter's
# lock, and a busy event loop is slow to give it back. SQLite allows 32766 parameters to a
# statement, unless it was built to allow more.
ROWS_PER_INSERT = 256

_INSERT = (
    "INSERT INTO submissions (id, owner, ttl_seconds, created_ms, request_id, priority, express, "
    "deadline_ms, webhook, request, queue_limit) VALUES "
)
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Submit(Bulk[None]):
    """`JobStore.submit` without an idempotency key."""

    job: JobRecord
    queue_limit: int

    @classmethod
    def together(
        cls, connection: sqlite3.Connection, operations: Sequence[Self]
    ) -> list[Exception | None]:
        _insert(connection, operations)
        return [None] * len(operations)

    @classmethod
    def is_one_statement(cls, count: int) -> bool:
        return count <= ROWS_PER_INSERT


@dataclass(frozen=True, slots=True)
class SubmitAndClaim(Bulk[list[JobRecord]]):
    """`JobStore.submit_and_claim`. Those of one worker that are done together claim together."""

    job: JobRecord
    queue_limit: int
    worker: str
    lease_ms: int

    @classmethod
    def together(
        cls, connection: sqlite3.Connection, operations: Sequence[Self]
    ) -> list[list[JobRecord] | Exception]:
        _insert(connection, operations)
        first = operations[0]
        claimed = claim(
            connection,
            first.worker,
            first.lease_ms,
            max(one.job.created_ms for one in operations),
            len(operations),
            express_only=False,
        )
        return [claimed[number : number + 1] for number in range(len(operations))]


@dataclass(frozen=True, slots=True)
class SubmitOnce(Bulk[Replay | None]):
    """`JobStore.submit` with an idempotency key."""

    job: JobRecord
    queue_limit: int
    idempotency: IdempotencyKey

    @classmethod
    def together(
        cls, connection: sqlite3.Connection, operations: Sequence[Self]
    ) -> list[Replay | Exception | None]:
        used = _used_keys(connection, operations)
        results: list[Replay | Exception | None] = []
        new = []
        for operation in operations:
            earlier = used.get(operation._name)
            if earlier is None or earlier.expires_ms <= operation.job.created_ms:
                new.append(operation)
                used[operation._name] = operation._use
                results.append(None)
            elif earlier.fingerprint != operation.idempotency.fingerprint:
                results.append(KeyReused("the key was used before, for another request"))
            else:
                results.append(Replay(earlier.job_id, earlier.answer))
        _insert(connection, new)
        for start in range(0, len(new), ROWS_PER_INSERT):
            chunk = new[start : start + ROWS_PER_INSERT]
            connection.execute(
                "REPLACE INTO idempotency_keys "
                "(owner, key, fingerprint, answer, job_id, expires_ms) VALUES "
                + ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(chunk)),
                list(chain.from_iterable(operation._name + operation._use for operation in chunk)),
            )
        return results

    @property
    def _name(self) -> tuple[str, str]:
        return self.job.owner, self.idempotency.key

    @property
    def _use(self) -> _Use:
        key = self.idempotency
        return _Use(key.fingerprint, key.answer, self.job.id, key.expires_ms)


class _Use(NamedTuple):
    """What an idempotency key was used for."""

    fingerprint: bytes
    answer: bytes
    job_id: str
    expires_ms: int


def _used_keys(
    connection: sqlite3.Connection, operations: Sequence[SubmitOnce]
) -> dict[tuple[str, str], _Use]:
    rows = connection.execute(
        """
        SELECT owner, key, fingerprint, answer, job_id, expires_ms FROM idempotency_keys
        WHERE (owner, key) IN (
            SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)
        )
        """,
        (array({operation._name for operation in operations}),),
    )
    return {(row[0], row[1]): _Use(*row[2:]) for row in rows}


def _insert(
    connection: sqlite3.Connection,
    submissions: Sequence[Submit] | Sequence[SubmitAndClaim] | Sequence[SubmitOnce],
) -> None:
    for start in range(0, len(submissions), ROWS_PER_INSERT):
        chunk = submissions[start : start + ROWS_PER_INSERT]
        try:
            connection.execute(
                _INSERT + ", ".join([_ROW] * len(chunk)),
                list(chain.from_iterable(_row(each.job, each.queue_limit) for each in chunk)),
            )
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorname == "SQLITE_CONSTRAINT_TRIGGER":
                raise QueueFull(f"{chunk[0].queue_limit} jobs are pending") from error
            if error.sqlite_errorname == "SQLITE_CONSTRAINT_UNIQUE":
                raise JobExists("a job of this id is stored already") from error
            raise


def _row(job: JobRecord, queue_limit: int) -> tuple[str | bytes | int | None, ...]:
    return (
        job.id,
        job.owner,
        job.ttl_seconds,
        job.created_ms,
        job.request_id,
        PRIORITIES.index(job.priority),
        job.express,
        job.deadline_ms,
        job.webhook,
        job.request,
        queue_limit,
    )
