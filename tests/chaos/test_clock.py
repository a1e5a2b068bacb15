"""The clock jumps by a day, forward and back, while jobs run."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import stentor.jobs.runner as runner_module
from jobs_support import NO_LIMIT, job
from stentor.audio.settings import EncoderSettings
from stentor.blobs import BlobStore
from stentor.disk import DiskGuard
from stentor.engines import piper
from stentor.engines.base import Flow, Spoken, Utterance
from stentor.jobs.checkpoints import Checkpoints
from stentor.jobs.clock import now_ms
from stentor.jobs.feed import JobFeed
from stentor.jobs.record import JobRecord
from stentor.jobs.runner import JobRunner
from stentor.jobs.sqlite import SqliteStore
from stentor.jobs.sweeper import Sweeper
from stentor.jobs.work import Work
from stentor.lexicon.dictionaries import Dictionaries
from stentor.lexicon.sqlite import SqliteDictionaries
from stentor.routing.caller import Caller
from stentor.routing.catalogue import Catalogue
from stentor.routing.transport import Transport
from stentor.synthesis.render import Synthesizer
from stentor.synthesis.voices import Rules

DAY_MS = 86_400_000
LEASE_MS = 30_000
DEADLINE_S = 30
SENTENCES = 12
JOBS = 4
SWEEP_S = 0.02
JUMPS = {
    "forward": [DAY_MS],
    "back": [-DAY_MS],
    "forward and back": [DAY_MS, -DAY_MS],
    "back and forward": [-DAY_MS, DAY_MS],
    "to and fro": [DAY_MS, -2 * DAY_MS, 2 * DAY_MS, -DAY_MS, DAY_MS],
}
MODELS = piper.find_models(voices_dir=None, voices_package=True).models


class JumpingClock:
    """The time, but for jumps."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return now_ms() + self.ahead_ms


class Engines:
    """Speaks silence at an even pace, and counts what it is asked for."""

    size = 2

    def __init__(self) -> None:
        self.spoken: Counter[tuple[str, str]] = Counter()

    async def speak(self, utterance: Utterance, flow: Flow) -> Spoken:
        await asyncio.sleep(0.005)
        self.spoken[flow.job, utterance.text] += 1
        return Spoken(b"\x10\x00" * 2205, 22050)


class Worker:
    """A runner of its own, on a store that it may share with others."""

    def __init__(self, name: str, store: SqliteStore, folder: Path, clock: JumpingClock) -> None:
        self.engines = Engines()
        self.clock = clock
        spool = folder / f"spool-{name}"
        spool.mkdir()
        blobs = BlobStore.open(None, folder / "audio")
        segments = BlobStore.open(None, folder / "segments")
        guard = DiskGuard(folder, 0)
        self.synthesizer = Synthesizer(encoder=EncoderSettings(), rules=Rules())
        checkpoints = Checkpoints(
            self.engines,
            Caller(Transport()),
            store.segments,
            segments,
            spool,
            shared=False,
            clock=clock,
        )
        work = Work(
            blobs,
            self.synthesizer,
            Catalogue(MODELS, {}, {}, {}),
            checkpoints,
            Dictionaries(SqliteDictionaries(store.writer, store.reader)),
            guard,
            spool=spool,
            max_input_chars=10_000,
            when_full="wait",
        )
        self.sweeper = Sweeper(
            store,
            blobs,
            store.segments,
            segments,
            interval_s=SWEEP_S,
            cache_bytes=0,
            cache_age_ms=DAY_MS,
            clock=clock,
        )
        self.runner = JobRunner(
            store,
            work,
            JobFeed(),
            guard,
            name=name,
            concurrency=JOBS,
            express_concurrency=0,
            lease_ms=LEASE_MS,
            max_attempts=10,
            when_full="wait",
            clock=clock,
        )

    def start(self) -> None:
        self.runner.start()
        self.sweeper.start()

    async def close(self) -> None:
        await self.runner.close()
        await self.sweeper.close()
        self.synthesizer.close()


class House:
    """One store, and workers whose clocks jump apart from each other; only the last has begun."""

    def __init__(self, store: SqliteStore, folder: Path, workers: int) -> None:
        self.store = store
        self.audio = folder / "audio"
        self.workers = [
            Worker(f"w{number}", store, folder, JumpingClock()) for number in range(workers)
        ]

    async def submit(self, name: str, *, ttl_s: int = 4 * 86_400) -> JobRecord:
        text = " ".join(f"This is sentence {number} of {name}." for number in range(SENTENCES))
        speech = {"model": MODELS[0].name, "input": text, "voice": "joe", "response_format": "pcm"}
        speech["model"] = f"piper/{speech['model']}"
        new = job(
            request=json.dumps({"speech": speech}).encode(),
            created_ms=now_ms(),
            ttl_seconds=ttl_s,
        )
        await self.store.submit(new, queue_limit=NO_LIMIT)
        for worker in self.workers:
            worker.runner.notify()
        return new

    async def spoken(self, count: int) -> None:
        """Wait until so many segments were spoken."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            if sum(worker.engines.spoken.total() for worker in self.workers) >= count:
                return
            await asyncio.sleep(0.001)
        raise AssertionError("not so many segments were spoken")

    async def look(self, one: JobRecord) -> JobRecord | None:
        return await self.store.get(one.id, one.owner, 0)

    async def ended(self, one: JobRecord) -> JobRecord:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            found = await self.look(one)
            assert found is not None, "the job is lost"
            if found.completed_ms is not None:
                return found
            await asyncio.sleep(0.005)
        raise AssertionError("the job did not end")


@pytest.fixture
async def house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[House]:
    monkeypatch.setattr(runner_module, "POLL_INTERVAL_S", 0.01)
    monkeypatch.setattr(runner_module, "DEADLINE_INTERVAL_S", 0.01)
    monkeypatch.setattr(runner_module, "PROGRESS_INTERVAL_S", 0.01)
    store = await SqliteStore.open(tmp_path / "jobs.db")
    made = House(store, tmp_path, getattr(request, "param", 1))
    made.workers[-1].start()
    yield made
    for worker in made.workers:
        await worker.close()
    await store.close()


async def run_through(house: House, jumps: list[int]) -> tuple[list[JobRecord], Counter[str]]:
    """Jobs that end while the first worker's clock jumps, and how often each ended.

    Another worker, if there is one, has taken all of them by then.
    """
    jumping, others = house.workers[0], house.workers[1:]
    with capture_logs() as logs:
        jobs = [await house.submit(f"job {number}") for number in range(JOBS)]
        for number, jump_ms in enumerate(jumps):
            await house.spoken(5 + 7 * number)
            if others and number == 0:
                jumping.start()
            jumping.clock.ahead_ms += jump_ms
        ended = [await house.ended(one) for one in jobs]
        # Whoever still works on one hears of its end, and every worker looks for more to do.
        await asyncio.sleep(0.1)
    for before in ended:
        assert await house.look(before) == before
    return ended, Counter(line["job_id"] for line in logs if line["event"] == "job.ended")


@pytest.mark.parametrize("jumps", JUMPS.values(), ids=JUMPS.keys())
async def test_a_jump_ends_no_job_twice_and_takes_none_from_its_worker(
    house: House, jumps: list[int]
) -> None:
    jobs, ends = await run_through(house, jumps)
    assert [(one.status, one.attempt, one.strikes) for one in jobs] == [("completed", 1, 0)] * JOBS
    assert ends == {one.id: 1 for one in jobs}
    spoken = house.workers[0].engines.spoken
    assert set(spoken.values()) == {1}
    assert len(spoken) == JOBS * SENTENCES
    assert {path.name for path in house.audio.iterdir()} == {one.id for one in jobs}


@pytest.mark.parametrize("house", [2], indirect=True)
@pytest.mark.parametrize("jumps", JUMPS.values(), ids=JUMPS.keys())
async def test_workers_whose_clocks_differ_by_a_day_may_take_a_job_over_but_end_it_once(
    house: House, jumps: list[int]
) -> None:
    jobs, ends = await run_through(house, jumps)
    assert [one.status for one in jobs] == ["completed"] * JOBS
    assert ends == {one.id: 1 for one in jobs}
    assert {path.name for path in house.audio.iterdir()} == {one.id for one in jobs}


@pytest.mark.parametrize("house", [2], indirect=True)
async def test_a_worker_that_is_a_day_ahead_does_take_jobs_over(house: House) -> None:
    jobs, _ = await run_through(house, [DAY_MS])
    assert max(one.attempt for one in jobs) > 1


async def test_a_result_goes_when_its_time_is_over_by_the_clock_and_not_before(
    house: House,
) -> None:
    [worker] = house.workers
    short = await house.ended(await house.submit("short", ttl_s=3600))
    long = await house.ended(await house.submit("long", ttl_s=2 * 86_400))
    running = await house.submit("running", ttl_s=3600)
    await house.spoken(2 * SENTENCES + 2)

    worker.clock.ahead_ms -= DAY_MS
    await worker.sweeper.sweep()
    assert [await house.look(one) for one in (short, long)] == [short, long]

    worker.clock.ahead_ms += 2 * DAY_MS
    await worker.sweeper.sweep()
    assert await house.look(short) is None
    assert await house.look(long) == long
    assert not (house.audio / short.id).exists()
    assert (house.audio / long.id).exists()

    # What ends after a jump is kept for its time from then on.
    ended = await house.ended(running)
    assert ended.expires_ms is not None
    assert ended.completed_ms is not None
    assert ended.expires_ms - ended.completed_ms == 3_600_000
    await worker.sweeper.sweep()
    assert await house.look(ended) == ended
