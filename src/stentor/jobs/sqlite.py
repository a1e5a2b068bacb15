"""Jobs in a SQLite file: the embedded store."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from stentor.contract import JobStatus, Progress
from stentor.jobs import sqlite_operations as operations
from stentor.jobs import sqlite_queue as queue
from stentor.jobs.migrate import migrate, shipped_migrations
from stentor.jobs.record import IdempotencyKey, JobRecord, Outcome, Replay
from stentor.jobs.small import SmallTake
from stentor.jobs.sqlite_segments import SqliteSegments
from stentor.jobs.sqlite_small import SqliteSmallTakes
from stentor.jobs.sqlite_submit import Submit, SubmitAndClaim, SubmitOnce
from stentor.jobs.sqlite_thread import SqliteThread

BUSY_TIMEOUT_MS = 10_000


class SqliteStore:
    """A `JobStore` of one file, with one thread that writes and one that reads.

    All that waits for the writer is one commit (group commit), so the cost of the disk's sync is
    shared by as many jobs as arrive at once. In WAL mode readers never wait for the writer.

    Belongs to the event loop it was opened in.

    Attributes:
        writer, reader: the threads, for what else is kept in the file.
        segments: the index of spoken segments.
        small: audio that is kept with its job.
    """

    def __init__(self, writer: SqliteThread, reader: SqliteThread) -> None:
        self.writer: Final = writer
        self.reader: Final = reader
        self.segments: Final = SqliteSegments(writer, reader)
        self.small: Final = SqliteSmallTakes(reader)

    @classmethod
    async def open(cls, path: Path) -> SqliteStore:
        """Open the file, or create it for this user alone.

        Raises:
            NewerSchema: a newer version of this program wrote the file.
            sqlite3.Error: the file cannot be opened or is no database.
        """
        writer, reader = await asyncio.to_thread(_connect, path)
        return cls(
            # Immediate, because a transaction that reads before it takes the write lock fails if
            # another process writes in between.
            SqliteThread("store-writer", writer, begin="BEGIN IMMEDIATE"),
            SqliteThread("store-reader", reader, begin="BEGIN"),
        )

    async def submit(
        self, job: JobRecord, *, queue_limit: int, idempotency: IdempotencyKey | None = None
    ) -> Replay | None:
        if idempotency is not None:
            return await self.writer.call(SubmitOnce(job, queue_limit, idempotency))
        await self.writer.call(Submit(job, queue_limit))
        return None

    async def submit_and_claim(
        self, job: JobRecord, *, queue_limit: int, worker: str, lease_ms: int
    ) -> list[JobRecord]:
        return await self.writer.call(SubmitAndClaim(job, queue_limit, worker, lease_ms))

    async def get(self, job_id: str, owner: str, now_ms: int) -> JobRecord | None:
        return await self.reader.call(queue.Get(job_id, owner, now_ms))

    async def request(self, job_id: str, owner: str, now_ms: int) -> bytes | None:
        return await self.reader.call(
            lambda connection: operations.request(connection, job_id, owner, now_ms)
        )

    async def list_jobs(
        self,
        owner: str,
        now_ms: int,
        *,
        limit: int,
        after: str | None = None,
        status: JobStatus | None = None,
    ) -> list[JobRecord]:
        return await self.reader.call(
            lambda connection: operations.list_jobs(connection, owner, now_ms, limit, after, status)
        )

    async def claim(
        self,
        worker: str,
        lease_ms: int,
        now_ms: int,
        limit: int,
        *,
        express_only: bool = False,
    ) -> list[JobRecord]:
        return await self.writer.call(
            lambda connection: queue.claim(
                connection, worker, lease_ms, now_ms, limit, express_only
            )
        )

    async def release_job(self, job_id: str, attempt: int, *, error: str | None = None) -> bool:
        return await self.writer.call(
            lambda connection: operations.release_job(connection, job_id, attempt, error)
        )

    async def renew(
        self,
        job_id: str,
        attempt: int,
        lease_ms: int,
        now_ms: int,
        progress: Progress,
        *,
        advanced: bool = False,
    ) -> bool:
        return await self.writer.call(
            lambda connection: operations.renew(
                connection, job_id, attempt, now_ms + lease_ms, progress, advanced
            )
        )

    async def finish(
        self,
        job_id: str,
        attempt: int,
        outcome: Outcome,
        now_ms: int,
        *,
        progress: Progress | None = None,
        take: SmallTake | None = None,
    ) -> bool:
        return await self.writer.call(
            lambda connection: operations.finish(
                connection, job_id, attempt, outcome, now_ms, progress, take
            )
        )

    async def cancel(
        self, job_id: str, owner: str, outcome: Outcome, now_ms: int
    ) -> JobRecord | None:
        return await self.writer.call(
            lambda connection: operations.cancel(connection, job_id, owner, outcome, now_ms)
        )

    async def fail_overdue(self, outcome: Outcome, now_ms: int, limit: int) -> list[str]:
        return await self.writer.call(
            lambda connection: operations.fail_overdue(connection, outcome, now_ms, limit)
        )

    async def delete(self, job_id: str, owner: str) -> bool:
        return await self.writer.call(
            lambda connection: operations.delete(connection, job_id, owner)
        )

    async def release(self, worker: str) -> int:
        return await self.writer.call(lambda connection: operations.release(connection, worker))

    async def abandon(self, worker: str, suspects: Collection[str] = (), *, error: str = "") -> int:
        return await self.writer.call(
            lambda connection: operations.abandon(connection, worker, suspects, error)
        )

    async def release_all(self, suspects: Collection[str] = (), *, error: str = "") -> int:
        return await self.writer.call(
            lambda connection: operations.release_all(connection, suspects, error)
        )

    async def expired(self, now_ms: int, limit: int) -> list[str]:
        return await self.reader.call(
            lambda connection: operations.expired(connection, now_ms, limit)
        )

    async def purge(self, job_ids: Sequence[str]) -> None:
        await self.writer.call(lambda connection: operations.purge(connection, job_ids))

    async def purge_keys(self, now_ms: int) -> int:
        return await self.writer.call(lambda connection: operations.purge_keys(connection, now_ms))

    async def known(self, job_ids: Collection[str]) -> set[str]:
        return await self.reader.call(lambda connection: operations.known(connection, job_ids))

    async def counts(self) -> dict[JobStatus, int]:
        return await self.reader.call(operations.counts)

    async def close(self) -> None:
        # The last connection to close folds the log into the file, which a reader cannot.
        await self.reader.close()
        await self.writer.close()


def _connect(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """A connection to write and a read-only one, to a file of the current schema."""
    # SQLite gives its log the mode of the database file.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    url = path.resolve().as_uri()
    writer = _open(url)
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA synchronous = FULL")
        writer.execute("PRAGMA wal_autocheckpoint = 10000")
        # Without it, a sync on macOS ends in the drive's cache.
        writer.execute("PRAGMA fullfsync = ON")
        writer.execute("PRAGMA foreign_keys = ON")
        migrate(writer, shipped_migrations())
        return writer, _open(f"{url}?mode=ro")
    except BaseException:
        writer.close()
        raise


def _open(url: str) -> sqlite3.Connection:
    return sqlite3.connect(
        url,
        uri=True,
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
