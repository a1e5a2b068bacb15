"""That the SQLite store's work does not grow with the number of jobs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest

from jobs_support import (
    CANCELLED,
    COMPLETED,
    FAILED,
    LEASE_MS,
    NO_LIMIT,
    NOW_MS,
    OVERDUE,
    job,
    key,
)
from stentor.contract import JOB_STATUSES, Progress
from stentor.jobs.record import POSITIONS_COUNTED, JobRecord
from stentor.jobs.sqlite import SqliteStore
from stentor.jobs.sqlite_thread import SqliteThread

# Steps over whole tables that stay short: running jobs, owners who wait, pins of live jobs, and
# tables of a few rows.
SHORT = (
    "jobs USING INDEX jobs_leases",
    "queues USING INDEX queues_waiting",
    "pins USING COVERING INDEX pins_key",
    "job_counts",
    "segment_bytes",
)
# What the statements make on their way.
MADE = {"json_each", "queue", "place", "serving", "expressing", "shared", "unpinned"}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "jobs.db")
    yield opened
    await opened.close()


async def test_no_statement_looks_at_every_row(store: SqliteStore) -> None:
    statements: list[str] = []
    for thread in (store.writer, store.reader):
        await thread.call(lambda connection: connection.set_trace_callback(statements.append))
    await everything(store)
    planned = {each for each in statements if not each.startswith(("--", "BEGIN", "COMMIT"))}
    assert len(planned) >= 30
    for statement in planned:
        for step in await plan(store, statement):
            if step.startswith("SCAN "):
                made = step.split()[1] in MADE or step.startswith("SCAN (subquery-")
                assert made or step.removeprefix("SCAN ").startswith(SHORT), (statement, step)
            # An owner's queue is not the queue of everyone.
            assert "jobs_queue (status=?)" not in step, (statement, step)
            assert "jobs_express (status=?)" not in step, (statement, step)


async def everything(store: SqliteStore) -> None:
    """Every method in every form, with something to do."""
    first, second = job(express=True), job(deadline_ms=NOW_MS)
    await store.submit(first, queue_limit=NO_LIMIT)
    await store.submit(second, queue_limit=NO_LIMIT, idempotency=key())
    await store.get(first.id, "ann", NOW_MS)
    for express_only in (True, False):
        await store.claim("w1", LEASE_MS, NOW_MS, 1, express_only=express_only)
        await store.claim("w2", LEASE_MS, NOW_MS, 1, express_only=express_only)
    for status in (None, *JOB_STATUSES):
        await store.list_jobs("ann", NOW_MS, limit=2, status=status)
        await store.list_jobs("ann", NOW_MS, limit=2, status=status, after=second.id)
    for advanced in (True, False):
        await store.renew(first.id, 1, LEASE_MS, NOW_MS, Progress(), advanced=advanced)
    await store.segments.pin(first.id, ["a1"], NOW_MS)
    await store.segments.add("a1", 1, NOW_MS, private=False)
    await store.segments.known(["a1"])
    await store.segments.removable(0, NOW_MS, 9)
    await store.segments.remove(["a1"])
    await store.fail_overdue(OVERDUE, NOW_MS, 1)
    await store.release_job(first.id, 1, error="no voice")
    await store.release("w1")
    await store.release_all([first.id], error="no voice")
    await store.finish(first.id, 1, COMPLETED, NOW_MS)
    await store.cancel(first.id, "ann", CANCELLED, NOW_MS)
    await store.counts()
    await store.known([first.id])
    await store.expired(NOW_MS, 1)
    await store.delete(first.id, "ann")
    await store.purge([second.id])
    await store.purge_keys(NOW_MS)


@pytest.mark.parametrize("ended", [False, True], ids=["all pending", "almost all ended"])
async def test_a_hundred_times_the_jobs_are_no_more_work(tmp_path: Path, ended: bool) -> None:
    few = await work(tmp_path / "few.db", 200, ended)
    many = await work(tmp_path / "many.db", 20_000, ended)
    # Ahead of the last, no more than this are counted.
    few["get the last"] += 10 * POSITIONS_COUNTED
    # A deeper tree is a few steps more.
    assert {name: steps for name, steps in many.items() if steps > 1.3 * few[name] + 50} == {}


async def work(path: Path, jobs: int, ended: bool) -> dict[str, int]:
    """How many steps of SQLite's machine each call takes, with so many jobs in the store."""
    store = await SqliteStore.open(path)
    new = [job(owner="bob" if number % 2 else "ann") for number in range(jobs)]
    for start in range(0, jobs, 1000):
        batch = new[start : start + 1000]
        await asyncio.gather(*(store.submit(each, queue_limit=NO_LIMIT) for each in batch))
    if ended:
        await end_all_but_the_last(store, new)
    calls: dict[str, tuple[SqliteThread, Coroutine[Any, Any, object]]] = {
        "get": (store.reader, store.get(new[3].id, "bob", NOW_MS)),
        "get the last": (store.reader, store.get(new[-1].id, "bob", NOW_MS)),
        "submit": (store.writer, store.submit(job(), queue_limit=NO_LIMIT)),
        "submit once": (
            store.writer,
            store.submit(job(), queue_limit=NO_LIMIT, idempotency=key()),
        ),
        "claim express": (
            store.writer,
            store.claim("w1", LEASE_MS, NOW_MS, 8, express_only=True),
        ),
        "claim": (store.writer, store.claim("w1", LEASE_MS, NOW_MS, 8)),
        "overdue": (store.writer, store.fail_overdue(OVERDUE, NOW_MS, 8)),
        "release": (store.writer, store.release_all()),
        "counts": (store.reader, store.counts()),
        "known": (store.reader, store.known([new[5].id])),
        "expired": (store.reader, store.expired(NOW_MS, 8)),
        "list": (store.reader, store.list_jobs("ann", NOW_MS, limit=8)),
        "list after": (store.reader, store.list_jobs("ann", NOW_MS, limit=8, after=new[99].id)),
    }
    for status in JOB_STATUSES:
        calls[f"list {status}"] = (
            store.reader,
            store.list_jobs("ann", NOW_MS, limit=8, status=status),
        )
    steps = {name: await counted(thread, call) for name, (thread, call) in calls.items()}
    await store.close()
    return steps


async def end_all_but_the_last(store: SqliteStore, jobs: list[JobRecord]) -> None:
    failed = {each.id for each in jobs[::10]}
    while (await store.counts())["pending"] > 20:
        taken = await store.claim("w1", LEASE_MS, NOW_MS, 90)
        await asyncio.gather(
            *(
                store.finish(each.id, 1, FAILED if each.id in failed else COMPLETED, NOW_MS)
                for each in taken
            )
        )


async def counted(thread: SqliteThread, call: Coroutine[Any, Any, object]) -> int:
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    def watch(connection: sqlite3.Connection, on: bool) -> None:
        connection.set_progress_handler(step if on else None, 1)

    await thread.call(lambda connection: watch(connection, True))
    await call
    await thread.call(lambda connection: watch(connection, False))
    return steps


async def plan(store: SqliteStore, statement: str) -> list[str]:
    rows = await store.reader.call(
        lambda connection: connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    )
    return [row[-1] for row in rows]
