"""How fast the embedded job store is, beside the same event loop without a store.

    python bench/store.py [--uvloop] [--directory DIR] [--operations N]

Each line is the median of some rounds; baseline and store take turns within a round, so that
other load on the machine meets both. "busy" means that each operation also costs the event loop
about 60 µs of Python, as an HTTP request does. Put the directory on the disk that you care about.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uuid_utils

from stentor.jobs.record import JobRecord, Outcome
from stentor.jobs.sqlite import SqliteStore

ROUNDS = 5
BUSY_US = 60
NO_LIMIT = 10**9
# From one looked-up job to the next, so that neighbours are not on one page.
STRIDE = 7919
REQUEST = b'{"model":"piper/joe","voice":"joe","input":"' + b"All human beings. " * 15 + b'"}'
RESULT = b'{"audio_url":"' + b"x" * 600 + b'"}'

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
    outcome = Outcome(status="completed", status_code=200, result=RESULT, error=None)
    for start in range(0, finished, 1000):
        claimed = await store.claim("bench", 60_000, 0, min(1000, finished - start))
        now_ms = time.time_ns() // 1_000_000
        await asyncio.gather(
            *(store.finish(job.id, job.attempt, outcome, now_ms) for job in claimed)
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
