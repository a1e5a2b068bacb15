"""Short audio in the SQLite file of the job store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from stentor.jobs.small import SmallTake
from stentor.jobs.sqlite_rows import array
from stentor.jobs.sqlite_thread import Bulk, SqliteThread


class SqliteSmallTakes:
    """`SmallTakes` beside the jobs that have them."""

    def __init__(self, reader: SqliteThread) -> None:
        self._reader = reader

    async def audio(self, key: str, start: int, end: int) -> bytes | None:
        return await self._reader.call(_Audio(key, start, end))

    async def sealed(self, key: str) -> bytes | None:
        return await self._reader.call(lambda connection: _sealed(connection, key))


@dataclass(frozen=True, slots=True)
class _Audio(Bulk[bytes | None]):
    job_id: str
    start: int
    end: int

    @classmethod
    def together(
        cls, connection: sqlite3.Connection, operations: Sequence[Self]
    ) -> list[bytes | Exception | None]:
        rows = connection.execute(
            """
            SELECT id, substr(data, 1, size) FROM jobs JOIN small_takes ON job = jobs.number
            WHERE id IN (SELECT value FROM json_each(?))
            """,
            (array({one.job_id for one in operations}),),
        )
        found: dict[str, bytes] = dict(rows.fetchall())
        return [
            None if (data := found.get(one.job_id)) is None else data[one.start : one.end]
            for one in operations
        ]

    @classmethod
    def is_one_statement(cls, count: int) -> bool:
        return True


def insert(connection: sqlite3.Connection, job_id: str, take: SmallTake, now_ms: int) -> None:
    """Keep a take for a job that has just ended, within its transaction."""
    if take.key is not None:
        connection.execute(
            """
            INSERT INTO segments (key, size_bytes, used_ms, private) VALUES (?, ?, ?, 0)
            ON CONFLICT (key) DO UPDATE
            SET size_bytes = excluded.size_bytes, used_ms = excluded.used_ms
            """,
            (take.key, len(take.sealed), now_ms),
        )
        # Two jobs may have had the same spoken at once: the newer is kept for others.
        connection.execute("DELETE FROM small_takes WHERE key = ? AND job IS NULL", (take.key,))
        connection.execute("UPDATE small_takes SET key = NULL WHERE key = ?", (take.key,))
    connection.execute(
        """
        INSERT INTO small_takes (job, key, size, data)
        SELECT number, ?, ?, ? FROM jobs WHERE id = ?
        """,
        (take.key, take.size, take.sealed, job_id),
    )


def _sealed(connection: sqlite3.Connection, key: str) -> bytes | None:
    rows = connection.execute("SELECT data FROM small_takes WHERE key = ?", (key,)).fetchall()
    return rows[0][0] if rows else None
