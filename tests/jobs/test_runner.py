"""The runner: what it does when things around it fail."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
from structlog.testing import capture_logs

import stentor.jobs.runner as runner_module
from jobs_support import NO_LIMIT, job
from stentor.audio.settings import EncoderSettings
from stentor.blobs import BlobStore
from stentor.contract import JobStatus
from stentor.disk import DiskGuard
from stentor.engines import piper
from stentor.engines.base import Flow, Spoken, Utterance
from stentor.jobs.checkpoints import Checkpoints
from stentor.jobs.clock import now_ms
from stentor.jobs.feed import JobFeed
from stentor.jobs.outcome import cancelled
from stentor.jobs.record import JobRecord
from stentor.jobs.runner import JobRunner
from stentor.jobs.sqlite import SqliteStore
from stentor.jobs.store import StoreFull
from stentor.jobs.work import Work, suspects
from stentor.lexicon.dictionaries import Dictionaries
from stentor.lexicon.sqlite import SqliteDictionaries
from stentor.routing.caller import Caller
from stentor.routing.catalogue import Catalogue
from stentor.routing.transport import Transport
from stentor.synthesis.render import Synthesizer
from stentor.synthesis.voices import Rules

MODELS = piper.find_models(voices_dir=None, voices_package=True).models
REQUEST = b'{"speech": {"model": "piper/en_US-joe-medium", "input": "Hello.", "voice": "joe"}}'
BOOK = REQUEST.replace(b"Hello.", b" ".join(b"This is number %d." % n for n in range(30)))


class Engines:
    """Counts what it is asked for, and waits when it is told to."""

    size = 1

    def __init__(self) -> None:
        self.asked: list[tuple[str, Flow]] = []
        self.stopped = 0
        self.let = asyncio.Event()
        self.let.set()

    async def speak(self, utterance: Utterance, flow: Flow) -> Spoken:
        self.asked.append((utterance.text, flow))
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        return Spoken(b"\x10\x00" * 22050, 22050)


class FailingBlobs(BlobStore):
    """A blob store that fails for the first `failures` files."""

    failures = 0
    number = errno.EIO

    async def put(self, key: str, path: Path, content_type: str) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise OSError(self.number, "out of order")
        await super().put(key, path, content_type)


class Guard(DiskGuard):
    """A disk that is full when it is told to be."""

    is_full = False

    @property
    def full(self) -> bool:
        return self.is_full

    async def wait_for_room(self) -> None:
        while self.is_full:
            await asyncio.sleep(0.002)


class House:
    def __init__(
        self,
        store: SqliteStore,
        folder: Path,
        *,
        attempts: int = 10,
        concurrency: int = 4,
        express: int = 0,
        when_full: Literal["wait", "fail"] = "wait",
        lease_ms: int = 30_000,
    ) -> None:
        self.store = store
        self.engines = Engines()
        self.feed = JobFeed()
        self.guard = Guard(folder, 0)
        self.spool = folder / "spool"
        self.spool.mkdir(exist_ok=True)
        blobs = FailingBlobs.open(None, folder / "audio")
        assert isinstance(blobs, FailingBlobs)
        self.blobs = blobs
        segments = BlobStore.open(None, folder / "segments")
        self.synthesizer = Synthesizer(encoder=EncoderSettings(), rules=Rules())
        self.runner = JobRunner(
            store,
            Work(
                blobs,
                self.synthesizer,
                Catalogue(MODELS, {}, {}, {}),
                Checkpoints(
                    self.engines,
                    Caller(Transport()),
                    store.segments,
                    segments,
                    self.spool,
                    shared=False,
                ),
                Dictionaries(SqliteDictionaries(store.writer, store.reader)),
                self.guard,
                spool=self.spool,
                max_input_chars=10_000,
                when_full=when_full,
            ),
            self.feed,
            self.guard,
            name="w1",
            concurrency=concurrency,
            express_concurrency=express,
            lease_ms=lease_ms,
            max_attempts=attempts,
            when_full=when_full,
        )
        self.runner.start()

    async def submit(self, request: bytes = REQUEST, **changes: Any) -> JobRecord:
        new = job(request=request, **changes)
        await self.store.submit(new, queue_limit=NO_LIMIT)
        self.runner.notify()
        return new

    async def strike(self, *requests: bytes) -> list[JobRecord]:
        """Submit jobs that another worker has left, each with a strike."""
        self.guard.is_full = True
        new = [await self.submit(request) for request in requests]
        assert len(await self.store.claim("w0", 0, 0, len(new))) == len(new)
        self.guard.is_full = False
        return new

    async def look(self, one: JobRecord) -> JobRecord:
        found = await self.store.get(one.id, one.owner, 0)
        assert found is not None
        return found

    async def ended(self, one: JobRecord) -> JobRecord:
        ends: tuple[JobStatus, ...] = ("completed", "failed")
        while (found := await self.look(one)).status not in ends:
            await asyncio.sleep(0.005)
        return found

    async def asked(self, count: int) -> None:
        while len(self.engines.asked) < count:
            await asyncio.sleep(0.001)

    async def close(self) -> None:
        await self.runner.close()
        self.synthesizer.close()


@pytest.fixture
async def house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: Any
) -> AsyncIterator[House]:
    monkeypatch.setattr(runner_module, "LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr(runner_module, "POLL_INTERVAL_S", 0.01)
    monkeypatch.setattr(runner_module, "DEADLINE_INTERVAL_S", 0.01)
    monkeypatch.setattr(runner_module, "PROGRESS_INTERVAL_S", 0.01)
    store = await SqliteStore.open(tmp_path / "jobs.db")
    made = House(store, tmp_path, **getattr(request, "param", {}))
    # Where logging is not configured, a traceback takes half a second to draw.
    with capture_logs():
        yield made
        await made.close()
    await store.close()


async def test_a_passing_fault_does_not_fail_the_job_nor_speak_it_again(house: House) -> None:
    house.blobs.failures = 2
    new = await house.submit()
    record = await house.ended(new)
    assert (record.status, record.attempt) == ("completed", 3)
    assert len(await house.blobs.read_all(new.id)) > 100
    assert len(house.engines.asked) == 1


@pytest.mark.parametrize("house", [{"attempts": 3}], indirect=True)
async def test_a_poison_job_fails_with_its_last_error_and_the_others_do_not(house: House) -> None:
    house.blobs.failures = 3
    poison = await house.submit()
    record = await house.ended(poison)
    assert (record.status, record.status_code, record.attempt) == ("failed", 500, 4)
    assert record.error is not None
    assert b"too_many_attempts" in record.error
    assert b"OSError: [Errno 5] out of order" in record.error
    fine = await house.submit()
    assert (await house.ended(fine)).status == "completed"


async def test_nothing_is_left_in_the_spool(house: House) -> None:
    await house.ended(await house.submit())
    await house.runner.close()
    assert list(house.spool.iterdir()) == []


async def test_a_request_that_is_no_longer_serviceable_fails_with_the_reason(house: House) -> None:
    gone = await house.submit(REQUEST.replace(b"en_US-joe-medium", b"en_US-gone-low"))
    record = await house.ended(gone)
    assert record.status_code == 400
    assert record.error is not None
    assert b"unknown_model" in record.error


async def test_a_cancelled_job_frees_the_engine(house: House) -> None:
    house.engines.let.clear()
    new = await house.submit()
    await house.asked(1)
    ended = await house.store.cancel(new.id, new.owner, cancelled(), now_ms())
    assert ended is not None
    house.runner.cancel(new.id)
    while house.engines.stopped < 1:
        await asyncio.sleep(0.001)
    assert (await house.look(new)).status_code == 499


async def test_a_job_fails_at_its_deadline_whether_it_waits_or_runs(house: House) -> None:
    house.engines.let.clear()
    running = await house.submit(deadline_ms=now_ms() + 100)
    await house.asked(1)
    blockers = [await house.submit() for _ in range(3)]
    while (await house.look(blockers[-1])).status == "pending":
        await asyncio.sleep(0.001)
    waiting = await house.submit(deadline_ms=now_ms() + 100)
    for each in (running, waiting):
        record = await house.ended(each)
        assert (record.status_code, record.error is not None) == (504, True)
        assert b"deadline_exceeded" in (record.error or b"")
    house.engines.let.set()
    for each in blockers:
        assert (await house.ended(each)).status == "completed"


@pytest.mark.parametrize("house", [{"concurrency": 1, "express": 1}], indirect=True)
async def test_a_short_job_does_not_wait_for_a_place_that_books_take(house: House) -> None:
    house.engines.let.clear()
    books = [await house.submit(BOOK) for _ in range(3)]
    await house.asked(1)
    short = await house.submit(express=True)
    while (await house.look(short)).status == "pending":
        await asyncio.sleep(0.001)
    assert [(await house.look(book)).status for book in books] == [
        "processing",
        "pending",
        "pending",
    ]
    house.engines.let.set()
    assert (await house.ended(short)).status == "completed"


async def test_an_engine_hears_whose_job_it_speaks_and_how_urgent_it_is(house: House) -> None:
    new = await house.submit(priority="high")
    await house.ended(new)
    assert house.engines.asked[0][1] == Flow(new.owner, new.id, "high")


async def test_a_drain_lets_running_jobs_end_and_begins_no_more(house: House) -> None:
    house.engines.let.clear()
    running = await house.submit()
    await house.asked(1)
    draining = asyncio.create_task(house.runner.drain(30))
    while not house.runner.draining:
        await asyncio.sleep(0.001)
    late = await house.submit()
    house.engines.let.set()
    await draining
    assert (await house.look(running)).status == "completed"
    await house.runner.close()
    assert (await house.look(late)).status == "pending"


async def test_a_drain_releases_what_does_not_end_in_time_without_a_strike(house: House) -> None:
    house.engines.let.clear()
    new = await house.submit()
    await house.asked(1)
    await house.runner.drain(0.01)
    await house.runner.close()
    record = await house.look(new)
    assert (record.status, record.strikes) == ("pending", 0)


async def test_a_job_waits_while_the_disk_is_full_and_goes_on_when_there_is_room(
    house: House,
) -> None:
    house.engines.let.clear()
    book = await house.submit(BOOK)
    await house.asked(1)
    house.guard.is_full = True
    waiting = await house.submit()
    house.engines.let.set()
    asked = len(house.engines.asked)
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert len(house.engines.asked) <= asked + 1
    assert (await house.look(book)).status == "processing"
    assert (await house.look(waiting)).status == "pending"
    house.guard.is_full = False
    for each in (book, waiting):
        record = await house.ended(each)
        assert (record.status, record.strikes) == ("completed", 0)


@pytest.mark.parametrize("house", [{"when_full": "fail"}], indirect=True)
async def test_a_running_job_fails_cleanly_on_a_full_disk_where_that_is_configured(
    house: House,
) -> None:
    house.engines.let.clear()
    book = await house.submit(BOOK)
    await house.asked(1)
    house.guard.is_full = True
    house.engines.let.set()
    record = await house.ended(book)
    assert record.status_code == 503
    assert b"storage_full" in (record.error or b"")
    assert list(house.spool.iterdir()) == []


async def test_a_disk_that_fills_up_while_the_audio_is_stored_costs_no_strike(
    house: House,
) -> None:
    house.blobs.failures, house.blobs.number = 3, errno.ENOSPC
    new = await house.submit()
    record = await house.ended(new)
    assert (record.status, record.strikes, record.attempt) == ("completed", 0, 4)


async def test_followers_hear_of_every_step(house: House) -> None:
    house.engines.let.clear()
    new = await house.submit()
    await house.asked(1)
    with house.feed.follow(new.id) as following:
        assert house.feed.live(new.id) is None
        house.engines.let.set()
        paths = set()
        while (await house.look(new)).status != "completed":
            await following.changed(1)
            if live := house.feed.live(new.id):
                paths.add(live.path.name)
        assert paths <= {f"{new.id}.1"}
    assert house.feed.live(new.id) is None


async def test_what_was_at_work_when_the_server_died_is_suspected(house: House) -> None:
    house.engines.let.clear()
    idle = await house.submit()
    await house.asked(1)
    # A job that waits for its first segment has left nothing; one that plans or encodes has.
    assert suspects(house.spool) == set()
    (house.spool / f"{idle.id}.1.planning").touch()
    (house.spool / f"{idle.id}.1").touch()
    assert suspects(house.spool) == {idle.id}
    assert list(house.spool.iterdir()) == []


async def test_a_spool_full_of_junk_is_no_reason_not_to_start(house: House) -> None:
    new = await house.submit()
    await house.ended(new)
    (house.spool / "lost+found").mkdir()
    (house.spool / "partial-x").touch()
    (house.spool / os.fsdecode(b"\xff.1")).touch()
    (house.spool / f"{new.id}.1").touch()
    found = suspects(house.spool)
    assert new.id in found
    assert [left.name for left in house.spool.iterdir()] == ["lost+found"]
    await house.store.release_all(found)


async def test_jobs_with_strikes_are_at_work_one_at_a_time_until_they_get_further(
    house: House,
) -> None:
    house.engines.let.clear()
    texts = [BOOK.replace(b"number", b"%d times" % n) for n in range(3)]
    struck = await house.strike(*texts)
    fresh = await house.submit()

    def at_work() -> set[str]:
        return {flow.job for _, flow in house.engines.asked}

    for count in (2, 3, 4):
        async with asyncio.timeout(10):
            while len(at_work()) < count:
                await asyncio.sleep(0.001)
        for _ in range(50):
            await asyncio.sleep(0.001)
        assert len(at_work()) == count
        assert fresh.id in at_work()
        # One more segment for each, and no further.
        house.engines.let, before = asyncio.Event(), house.engines.let
        before.set()
    house.engines.let.set()
    for each in (*struck, fresh):
        record = await house.ended(each)
        assert (record.status, record.strikes) == ("completed", 0)


@pytest.mark.parametrize("house", [{"attempts": 3}], indirect=True)
async def test_a_job_that_gets_further_in_each_attempt_collects_no_strikes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "PROGRESS_INTERVAL_S", 60)
    monkeypatch.setattr(runner_module, "STRIKES_INTERVAL_S", 60)
    put_bytes = BlobStore.put_bytes
    times = 0

    async def fail_now_and_then(self: BlobStore, key: str, data: bytes, spool: Path) -> None:
        nonlocal times
        times += 1
        if times % 2 == 0:
            raise OSError(errno.EIO, "out of order")
        await put_bytes(self, key, data, spool)

    monkeypatch.setattr(BlobStore, "put_bytes", fail_now_and_then)
    text = b" ".join(b"This is number %d." % n for n in range(6))
    record = await house.ended(await house.submit(REQUEST.replace(b"Hello.", text)))
    assert record.status == "completed"
    assert record.attempt > 3


@pytest.mark.parametrize("house", [{"lease_ms": 60}], indirect=True)
async def test_progress_that_could_not_be_written_down_is_not_forgotten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew = house.store.renew
    failures = 1

    async def renew_later(*args: Any, advanced: bool = False) -> bool:
        nonlocal failures
        if advanced and failures > 0:
            failures -= 1
            raise StoreFull("no room")
        return await renew(*args, advanced=advanced)

    monkeypatch.setattr(house.store, "renew", renew_later)
    house.engines.let.clear()
    [struck] = await house.strike(REQUEST.replace(b"Hello.", b"Hello. There you are. Good bye."))
    await house.asked(2)
    # Two segments are spoken, and the third is not.
    house.engines.let, before = asyncio.Event(), house.engines.let
    before.set()
    house.engines.let.clear()
    async with asyncio.timeout(10):
        while (await house.look(struck)).strikes > 0:
            await asyncio.sleep(0.005)
    assert failures == 0


async def test_a_file_that_cannot_be_removed_from_the_spool_holds_no_job_up(house: House) -> None:
    house.blobs.failures = 1
    house.engines.let.clear()
    new = await house.submit()
    await house.asked(1)
    (house.spool / f"{new.id}.1.stubborn").mkdir()
    house.engines.let.set()
    async with asyncio.timeout(10):
        assert (await house.ended(new)).status == "completed"


async def test_a_job_that_is_cancelled_while_it_is_read_leaves_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()
    read = Work._decode

    def read_slowly(*args: Any) -> Any:
        begun.set()
        go_on.wait(10)
        try:
            return read(*args)
        finally:
            done.set()

    monkeypatch.setattr(Work, "_decode", read_slowly)
    new = await house.submit()
    await asyncio.to_thread(begun.wait, 10)
    await house.store.cancel(new.id, new.owner, cancelled(), now_ms())
    house.runner.cancel(new.id)
    asyncio.get_running_loop().call_later(0.02, go_on.set)
    await asyncio.to_thread(done.wait, 10)
    await house.runner.close()
    assert list(house.spool.iterdir()) == []


async def test_a_store_without_room_does_not_keep_the_runner_from_closing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(worker: str) -> int:
        raise StoreFull("no room")

    monkeypatch.setattr(house.store, "release", refuse)
    house.engines.let.clear()
    new = await house.submit()
    await house.asked(1)
    await house.runner.close()
    assert (await house.look(new)).status == "processing"


async def test_a_job_whose_submitter_leaves_is_run_all_the_same(house: House) -> None:
    new = job(request=REQUEST)
    submitting = asyncio.create_task(house.runner.submit(new, queue_limit=NO_LIMIT))
    await asyncio.sleep(0)
    submitting.cancel()
    await asyncio.gather(submitting, return_exceptions=True)
    assert (await house.ended(new)).status == "completed"


@pytest.mark.parametrize("house", [{"concurrency": 2}], indirect=True)
async def test_a_job_that_is_stored_while_another_waits_does_not_wait_for_the_next_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.sleep(0.05)  # the runner has looked, and sleeps until it is told
    monkeypatch.setattr(runner_module, "POLL_INTERVAL_S", 1000)
    await house.ended(await house.submit())
    older = job(request=REQUEST)
    await house.store.submit(older, queue_limit=NO_LIMIT)
    newer = job(request=REQUEST.replace(b"Hello", b"Hi"))
    async with asyncio.timeout(30):
        await house.runner.submit(newer, queue_limit=NO_LIMIT)
        assert (await house.ended(older)).status == "completed"
        assert (await house.ended(newer)).status == "completed"


@pytest.mark.parametrize("house", [{"concurrency": 1}], indirect=True)
async def test_a_job_without_a_place_is_taken_when_one_is_free(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "POLL_INTERVAL_S", 1000)
    house.engines.let.clear()
    first, second = (job(request=REQUEST.replace(b"Hello", word)) for word in (b"One", b"Two"))
    for one in (first, second):
        await house.runner.submit(one, queue_limit=NO_LIMIT)
    await house.asked(1)
    assert (await house.look(second)).status == "pending"
    house.engines.let.set()
    async with asyncio.timeout(30):
        assert (await house.ended(second)).status == "completed"
