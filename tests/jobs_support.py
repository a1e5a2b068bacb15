"""Stores and job records for tests of the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import uuid_utils

from stentor.jobs.record import IdempotencyKey, JobRecord, Outcome
from stentor.jobs.segments import SegmentIndex
from stentor.jobs.sqlite import SqliteStore
from stentor.jobs.store import JobStore


class Store(JobStore, Protocol):
    """A job store with the index of segments that lives in the same transactions."""

    @property
    def segments(self) -> SegmentIndex: ...


OpenStore = Callable[[Path], Awaitable[Store]]

# Each opens a store in a folder that is empty the first time.
STORES: dict[str, OpenStore] = {"sqlite": lambda folder: SqliteStore.open(folder / "jobs.db")}

NOW_MS = 1_800_000_000_000
TTL_S = 60
LEASE_MS = 30_000
KEY_LIFE_MS = 20_000
NO_LIMIT = 1_000_000

COMPLETED = Outcome(status="completed", status_code=200, result=b'{"audio_url":""}', error=None)
FAILED = Outcome(status="failed", status_code=502, result=None, error=b'{"type":"provider_error"}')
CANCELLED = Outcome(status="failed", status_code=499, result=None, error=b'{"type":"cancelled"}')
OVERDUE = Outcome(status="failed", status_code=504, result=None, error=b'{"type":"deadline"}')


def job(**changes: Any) -> JobRecord:
    """A new job, ready to be submitted."""
    fields: dict[str, Any] = {
        "id": str(uuid_utils.uuid7()),
        "owner": "ann",
        "status": "pending",
        "request": '{"input":"Grüße \\u0000"}'.encode(),
        "ttl_seconds": TTL_S,
        "created_ms": NOW_MS,
        "request_id": "req-1",
    }
    return JobRecord(**fields | changes)


def key(name: str = "key-1", **changes: Any) -> IdempotencyKey:
    """An idempotency key for a job that is created at `NOW_MS`."""
    fields: dict[str, Any] = {
        "key": name,
        "fingerprint": b"\x00\xff",
        "answer": b'{"status":"pending"}',
        "expires_ms": NOW_MS + KEY_LIFE_MS,
    }
    return IdempotencyKey(**fields | changes)


async def submitted(store: JobStore, count: int = 1, **changes: Any) -> list[JobRecord]:
    """So many new jobs, one after another."""
    jobs = [job(**changes) for _ in range(count)]
    for each in jobs:
        await store.submit(each, queue_limit=NO_LIMIT)
    return jobs


async def claimed(store: JobStore, worker: str = "w1", now_ms: int = NOW_MS) -> JobRecord:
    """The next job, taken."""
    [taken] = await store.claim(worker, LEASE_MS, now_ms, 1)
    return taken


async def looked_up(store: JobStore, job: JobRecord) -> JobRecord:
    """The job as its owner sees it."""
    found = await store.get(job.id, job.owner, NOW_MS)
    assert found is not None
    return found


async def place(store: JobStore, job: JobRecord) -> int | None:
    """The job's place in the queue."""
    return (await looked_up(store, job)).position


async def finished(store: JobStore, **changes: Any) -> JobRecord:
    """A new job that is completed at `NOW_MS`; no other may be waiting."""
    await submitted(store, **changes)
    taken = await claimed(store)
    assert await store.finish(taken.id, taken.attempt, COMPLETED, NOW_MS)
    return await looked_up(store, taken)
