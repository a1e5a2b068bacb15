"""How the SQLite store's rows become records."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from stentor.contract import PRIORITIES, Progress
from stentor.jobs.record import JobRecord

COLUMNS = (
    "id, owner, status, ttl_seconds, created_ms, request_id, priority, express, deadline_ms, "
    "webhook, attempt, strikes, last_error, lease_owner, lease_expires_ms, started_ms, "
    "completed_ms, expires_ms, status_code, progress, result, error"
)

_progress = msgspec.json.Decoder(Progress)


def record(row: Sequence[Any], *, request: bytes = b"", position: int | None = None) -> JobRecord:
    """The record in a row of `COLUMNS`."""
    return JobRecord(
        id=row[0],
        owner=row[1],
        status=row[2],
        ttl_seconds=row[3],
        created_ms=row[4],
        request_id=row[5],
        priority=PRIORITIES[row[6]],
        express=bool(row[7]),
        deadline_ms=row[8],
        webhook=row[9],
        attempt=row[10],
        strikes=row[11],
        last_error=row[12],
        lease_owner=row[13],
        lease_expires_ms=row[14],
        started_ms=row[15],
        completed_ms=row[16],
        expires_ms=row[17],
        status_code=row[18],
        progress=_progress.decode(row[19]) if row[19] is not None else Progress(),
        result=row[20],
        error=row[21],
        request=request,
        position=position,
    )


def changes(connection: sqlite3.Connection, statement: str, values: Any) -> bool:
    """Whether the statement changed the one row that it is about."""
    return connection.execute(statement, values).rowcount == 1


def array(values: Collection[Any]) -> str:
    """The values as one parameter, for `json_each`."""
    return msgspec.json.encode(values).decode()
