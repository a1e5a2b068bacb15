"""Segments in the SQLite file of the job store."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from stentor.jobs.sqlite_rows import array
from stentor.jobs.sqlite_thread import SqliteThread


class SqliteSegments:
    """A `SegmentIndex` beside the jobs that need the segments."""

    def __init__(self, writer: SqliteThread, reader: SqliteThread) -> None:
        self._writer = writer
        self._reader = reader

    async def pin(self, job_id: str, keys: Sequence[str], now_ms: int) -> set[str]:
        return await self._writer.call(lambda connection: _pin(connection, job_id, keys, now_ms))

    async def add(self, key: str, size_bytes: int, now_ms: int, *, private: bool) -> None:
        await self._writer.call(
            lambda connection: _add(connection, key, size_bytes, now_ms, private)
        )

    async def removable(self, keep_bytes: int, used_before_ms: int, limit: int) -> list[str]:
        return await self._reader.call(
            lambda connection: _removable(connection, keep_bytes, used_before_ms, limit)
        )

    async def remove(self, keys: Collection[str]) -> list[str]:
        return await self._writer.call(lambda connection: _remove(connection, keys))

    async def known(self, keys: Collection[str]) -> set[str]:
        return await self._reader.call(lambda connection: _known(connection, keys))


def _pin(connection: sqlite3.Connection, job_id: str, keys: Sequence[str], now_ms: int) -> set[str]:
    values = {"job_id": job_id, "keys": array(keys), "now_ms": now_ms}
    connection.execute(
        """
        INSERT OR IGNORE INTO pins (number, key)
        SELECT number, value FROM jobs CROSS JOIN json_each(:keys)
        WHERE jobs.id = :job_id AND expires_ms IS NULL
        """,
        values,
    )
    rows = connection.execute(
        """
        UPDATE segments SET used_ms = :now_ms
        WHERE key IN (SELECT value FROM json_each(:keys))
            AND EXISTS (SELECT 1 FROM jobs WHERE id = :job_id AND expires_ms IS NULL)
        RETURNING key
        """,
        values,
    )
    return {key for (key,) in rows}


def _add(
    connection: sqlite3.Connection, key: str, size_bytes: int, now_ms: int, private: bool
) -> None:
    connection.execute(
        """
        INSERT INTO segments (key, size_bytes, used_ms, private) VALUES (?, ?, ?, ?)
        ON CONFLICT (key) DO UPDATE SET size_bytes = excluded.size_bytes, used_ms = excluded.used_ms
        """,
        (key, size_bytes, now_ms, private),
    )


def _removable(
    connection: sqlite3.Connection, keep_bytes: int, used_before_ms: int, limit: int
) -> list[str]:
    rows = connection.execute(
        """
        WITH unpinned AS (
            SELECT (SELECT shared FROM segment_bytes) - coalesce(sum(size_bytes), 0) AS bytes
            FROM segments WHERE key IN (SELECT key FROM pins) AND NOT private
        ),
        shared AS MATERIALIZED (
            SELECT key, used_ms, size_bytes FROM segments
            WHERE private = 0 AND NOT EXISTS (SELECT 1 FROM pins WHERE pins.key = segments.key)
            ORDER BY used_ms, key LIMIT :limit
        )
        SELECT key FROM (
            SELECT key, used_ms FROM (
                SELECT key, used_ms FROM segments
                WHERE private = 1 AND NOT EXISTS (SELECT 1 FROM pins WHERE pins.key = segments.key)
                ORDER BY used_ms, key LIMIT :limit
            )
            UNION ALL
            SELECT key, used_ms FROM (
                -- What would be left of them if all that were used longer ago were removed.
                SELECT
                    key, used_ms, (SELECT bytes FROM unpinned) + size_bytes
                        - sum(size_bytes) OVER (ORDER BY used_ms, key) AS left_bytes
                FROM shared
            )
            WHERE used_ms < :used_before_ms OR left_bytes > :keep_bytes
        )
        ORDER BY used_ms, key LIMIT :limit
        """,
        {"keep_bytes": keep_bytes, "used_before_ms": used_before_ms, "limit": limit},
    )
    return [key for (key,) in rows]


def _remove(connection: sqlite3.Connection, keys: Collection[str]) -> list[str]:
    rows = connection.execute(
        """
        DELETE FROM segments
        WHERE key IN (SELECT value FROM json_each(?))
            AND NOT EXISTS (SELECT 1 FROM pins WHERE pins.key = segments.key)
        RETURNING key
        """,
        (array(keys),),
    )
    return [key for (key,) in rows]


def _known(connection: sqlite3.Connection, keys: Collection[str]) -> set[str]:
    rows = connection.execute(
        "SELECT key FROM segments WHERE key IN (SELECT value FROM json_each(?))", (array(keys),)
    )
    return {key for (key,) in rows}
