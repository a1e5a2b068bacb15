"""How fast the embedded job store is.

    python -m bench store

tells whether submits slow down with the number of jobs, how fast trivial jobs pass, and how soon
a store full of unfinished jobs is ready again.

    python -m bench.store [--uvloop] [--directory DIR] [--operations N]

tells what a call costs beside the same event loop without a store. Each line is the median of some
rounds; baseline and store take turns within a round, so that other load on the machine meets both.
"busy" means that each operation also costs the event loop about 60 µs of Python, as an HTTP request
does. Put the directory on the disk that you care about.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uuid_utils

from bench.table import Row
from stentor.jobs.record import JobRecord, Outcome
from stentor.jobs.sqlite import SqliteStore

ROUNDS = 5
BUSY_US = 60
NO_LIMIT = 10**9
# From one looked-up job to the next, so that neighbours are not on one page.
STRIDE = 7919
REQUEST = b'{"model":"piper/joe","voice":"joe","input":"' + b"All human beings. " * 15 + b'"}'
RESULT = b'{"audio_url":"' + b"x" * 600 + b'"}'
OUTCOME = Outcome(status="completed", status_code=200, result=RESULT, error=None)
LEASE_MS = 60_000
PAGE_BYTES = 4096

PENDING = 100_000
UNFINISHED = 10_000
AT_ONCE = 32

Work = Callable[[int], Awaitable[object]]


def new_job() -> JobRecord:
    return JobRecord(
        id=str(uuid_utils.uuid7()),
        owner="bench",
        status="pending",
        request=REQUEST,
        ttl_seconds=3600,
        created_ms=time.time_ns() // 1_000_000,
    )


@asynccontextmanager
async def fresh_store(directory: Path) -> AsyncIterator[SqliteStore]:
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        store = await SqliteStore.open(Path(folder) / "jobs.db")
        try:
            yield store
        finally:
            await store.close()


async def fill(store: SqliteStore, *, finished: int, pending: int) -> list[str]:
    """Finished and pending jobs, as after a busy day; returns their ids."""
    jobs = [new_job() for _ in range(finished + pending)]
    for start in range(0, len(jobs), 1000):
        batch = jobs[start : start + 1000]
        await asyncio.gather(*(store.submit(job, queue_limit=NO_LIMIT) for job in batch))
    for start in range(0, finished, 1000):
        claimed = await store.claim("bench", LEASE_MS, 0, min(1000, finished - start))
        now_ms = time.time_ns() // 1_000_000
        await asyncio.gather(
            *(store.finish(job.id, job.attempt, OUTCOME, now_ms) for job in claimed)
        )
    return [job.id for job in jobs]


def spin(iterations: int) -> None:
    for _ in range(iterations):
        pass


def iterations_of(microseconds: float) -> int:
    """Loop turns that take this long; the least of some tries, as noise only adds."""
    turns = 200_000
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        spin(turns)
        seconds.append(time.perf_counter() - start)
    return round(turns * microseconds / 1e6 / min(seconds))


async def rate(work: Work, *, concurrency: int, operations: int, spins: int) -> float:
    """Operations per second of `concurrency` coroutines that each await one after another."""
    each = operations // concurrency

    async def worker(first: int) -> None:
        for number in range(first, first + each):
            spin(spins)
            await work(number)

    start = time.perf_counter()
    await asyncio.gather(*(worker(index * each) for index in range(concurrency)))
    return each * concurrency / (time.perf_counter() - start)


async def nothing(_: int) -> None:
    await asyncio.sleep(0)


async def compare(name: str, work: Work, operations: int, spins: int) -> None:
    for concurrency in (32, 256):
        for busy in (False, True):
            rates, ratios = [], []
            for _ in range(ROUNDS):
                options = {
                    "concurrency": concurrency,
                    "operations": operations,
                    "spins": spins if busy else 0,
                }
                baseline = await rate(nothing, **options)
                rates.append(await rate(work, **options))
                ratios.append(rates[-1] / baseline)
            print(
                f"{name:24} {concurrency:4} coroutines, {'busy' if busy else 'idle'} loop: "
                f"{statistics.median(rates):8.0f}/s, "
                f"{statistics.median(ratios):5.2f} of the baseline "
                f"({min(ratios):.2f}-{max(ratios):.2f})",
                flush=True,
            )


async def main(directory: Path, operations: int) -> None:
    spins = iterations_of(BUSY_US)
    for title, finished, pending in (("few jobs", 1_000, 1_000), ("many jobs", 100_000, 10_000)):
        async with fresh_store(directory) as store:
            ids = await fill(store, finished=finished, pending=pending)
            await compare(f"get, {title}", getting(store, ids), operations, spins)
            await compare(
                f"get pending, {title}", getting(store, ids[finished:]), operations, spins
            )
            await compare(f"submit, {title}", submitting(store), operations, spins)


def submitting(store: SqliteStore) -> Work:
    async def submit(_: int) -> None:
        await store.submit(new_job(), queue_limit=NO_LIMIT)

    return submit


def getting(store: SqliteStore, ids: list[str]) -> Work:
    now_ms = time.time_ns() // 1_000_000

    async def get(number: int) -> None:
        assert await store.get(ids[number * STRIDE % len(ids)], "bench", now_ms)

    return get


def run() -> list[Row]:
    """The first of the two, on the disk of the current directory."""
    return asyncio.run(_run(Path.cwd()))


async def _run(directory: Path) -> list[Row]:
    return [
        await _submits(directory),
        *[await _passing(directory, at_once) for at_once in (AT_ONCE, 1)],
        await _resume(directory),
    ]


async def _submits(directory: Path) -> Row:
    options = {"concurrency": AT_ONCE, "operations": 4096, "spins": 0}
    rates, baselines = [], []
    async with fresh_store(directory) as full:
        await fill(full, finished=0, pending=PENDING)
        for _ in range(ROUNDS):
            async with fresh_store(directory) as empty:
                baselines.append(await rate(submitting(empty), **options))
            rates.append(await rate(submitting(full), **options))
    ratio = statistics.median(map(_over, rates, baselines))
    return Row(
        f"submits/s with {PENDING:,} pending jobs, {AT_ONCE} at once",
        f"{statistics.median(rates):,.0f}",
        f"{statistics.median(baselines):,.0f} in an empty store",
        ratio,
        ">= 0.9",
        met=ratio >= 0.9,
    )


async def _passing(directory: Path, at_once: int) -> Row:
    jobs = 100 * at_once if at_once > 1 else 400
    rates, baselines = [], []
    async with fresh_store(directory) as store:
        for _ in range(ROUNDS):
            await fill(store, finished=0, pending=jobs)
            baselines.append(_synced_pairs_per_second(directory))
            rates.append(
                await rate(_claim_and_finish(store), concurrency=at_once, operations=jobs, spins=0)
            )
    return Row(
        f"claim + finish per second, {at_once} at once",
        f"{statistics.median(rates):,.0f}",
        f"{statistics.median(baselines):,.0f} pairs of synced 4 KiB writes",
        statistics.median(map(_over, rates, baselines)),
    )


async def _resume(directory: Path) -> Row:
    seconds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=directory) as folder:
            path = Path(folder) / "jobs.db"
            store = await SqliteStore.open(path)
            ids = await fill(store, finished=0, pending=UNFINISHED)
            await store.claim("bench", LEASE_MS, 0, UNFINISHED)
            await store.close()
            start = time.perf_counter()
            store = await SqliteStore.open(path)
            released = await store.release_all(ids[:AT_ONCE], error="the server stopped")
            [first] = await store.claim("again", LEASE_MS, 0, 1)
            seconds.append(time.perf_counter() - start)
            await store.close()
            assert (released, first.strikes) == (UNFINISHED, 1)
    return Row(
        f"open a store of {UNFINISHED:,} unfinished jobs, release all, claim the first",
        f"{statistics.median(seconds):.2f} s (worst of {ROUNDS}: {max(seconds):.2f})",
        target="<= 2 s",
        met=statistics.median(seconds) <= 2,
    )


def _over(figure: float, baseline: float) -> float:
    return figure / baseline


def _synced_pairs_per_second(directory: Path) -> float:
    """What the disk itself can do for jobs that each need two commits."""
    pairs = 200
    page = os.urandom(PAGE_BYTES)
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        start = time.perf_counter()
        for _ in range(2 * pairs):
            file.write(page)
            os.fsync(file.fileno())
        return pairs / (time.perf_counter() - start)


def _claim_and_finish(store: SqliteStore) -> Work:
    async def claim_and_finish(_: int) -> None:
        now_ms = time.time_ns() // 1_000_000
        [job] = await store.claim("bench", LEASE_MS, now_ms, 1)
        assert await store.finish(job.id, job.attempt, OUTCOME, now_ms)

    return claim_and_finish


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--directory", type=Path, default=Path.cwd())
    parser.add_argument("--operations", type=int, default=8192)
    arguments = parser.parse_args()
    if arguments.uvloop:
        import uvloop

        run = uvloop.run
    else:
        run = asyncio.run
    print(f"Python {sys.version.split()[0]}, {'uvloop' if arguments.uvloop else 'asyncio'}")
    run(main(arguments.directory, arguments.operations))
