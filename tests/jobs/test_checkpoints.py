"""Spoken segments that are kept: who finds them, and who must not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import stentor.blobs as blobs_module
from jobs_support import COMPLETED, LEASE_MS, NO_LIMIT, NOW_MS, job
from stentor.blobs import BlobStore
from stentor.engines.base import EngineError, Flow, Spoken, Utterance
from stentor.jobs.checkpoints import Checkpoints, KeptSpeaker
from stentor.jobs.record import JobRecord
from stentor.jobs.sqlite import SqliteStore
from stentor.jobs.sweeper import Sweeper
from stentor.routing.caller import Caller
from stentor.routing.transport import Transport


class Engines:
    """Counts what it speaks, and speaks nothing before it is let."""

    size = 2

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.stopped: list[str] = []
        self.let = asyncio.Event()
        self.let.set()

    async def speak(self, utterance: Utterance, flow: Flow) -> Spoken:
        self.asked.append(utterance.text)
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.stopped.append(utterance.text)
            raise
        if utterance.text == "unspeakable":
            raise EngineError("unspeakable", "no sound")
        return Spoken(len(self.asked).to_bytes(2, "little") * 100, 22050)


class House:
    def __init__(self, folder: Path, store: SqliteStore) -> None:
        self.folder = folder
        self.store = store
        self.engines = Engines()
        (folder / "spool").mkdir()
        self.blobs = BlobStore.open(None, folder / "segments")
        self.now_ms = NOW_MS

    def checkpoints(self, *, shared: bool = False) -> Checkpoints:
        return Checkpoints(
            self.engines,
            Caller(Transport()),
            self.store.segments,
            self.blobs,
            self.folder / "spool",
            shared=shared,
            clock=lambda: self.now_ms,
        )

    async def begin(self, **changes: Any) -> JobRecord:
        new = job(**changes)
        await self.store.submit(new, queue_limit=NO_LIMIT)
        [claimed] = await self.store.claim("w1", LEASE_MS, self.now_ms, 1)
        return claimed

    async def end(self, one: JobRecord) -> None:
        assert await self.store.finish(one.id, one.attempt, COMPLETED, self.now_ms)

    async def sweep(self, *, cache_bytes: int = 0) -> None:
        sweeper = Sweeper(
            self.store,
            BlobStore.open(None, self.folder / "audio"),
            self.store.segments,
            self.blobs,
            interval_s=60,
            cache_bytes=cache_bytes,
            cache_age_ms=1_000_000,
            clock=lambda: self.now_ms,
        )
        await sweeper.sweep()

    @property
    def files(self) -> int:
        return len(list((self.folder / "segments").iterdir()))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store = await SqliteStore.open(tmp_path / "jobs.db")
    yield House(tmp_path, store)
    await store.close()


async def no_check() -> None:
    pass


def speaker(checkpoints: Checkpoints, one: JobRecord, *, private: bool = False) -> KeptSpeaker:
    return checkpoints.speaker(
        Flow(one.owner, one.id, one.priority), private=private, before_each=no_check
    )


def utterance(text: str = "Hello.", **changes: Any) -> Utterance:
    return Utterance(**{"engine": "e", "model": "m", "voice": "v", "text": text} | changes)


async def test_a_job_that_is_taken_up_again_speaks_only_what_was_not_spoken(house: House) -> None:
    one = await house.begin()
    first = speaker(house.checkpoints(), one)
    texts = [utterance(f"Sentence {n}.") for n in range(10)]
    await first.expect(texts)
    before = [await first.speak(each) for each in texts[:9]]
    assert first.spoken == 9
    again = speaker(house.checkpoints(), one)
    await again.expect(texts)
    after = [await again.speak(each) for each in texts]
    assert after[:9] == before
    assert again.spoken == 1
    assert len(house.engines.asked) == 10


async def test_what_shaped_a_segment_tells_it_from_others(house: House) -> None:
    one = await house.begin()
    voice = speaker(house.checkpoints(), one)
    different = [
        utterance(),
        utterance("Hello!"),
        utterance(engine="other"),
        utterance(model="other"),
        utterance(voice="other"),
        utterance(speed=1.1),
        utterance(language="de"),
        utterance(revision="2"),
    ]
    for each in [*different, *different]:
        await voice.speak(each)
    assert len(house.engines.asked) == len(different)


async def test_the_same_sentence_of_the_same_caller_is_spoken_once(house: House) -> None:
    checkpoints = house.checkpoints()
    spoken = [await speaker(checkpoints, await house.begin()).speak(utterance()) for _ in range(3)]
    assert spoken[0] == spoken[1] == spoken[2]
    assert len(house.engines.asked) == 1


async def test_callers_do_not_share_unless_they_are_told_to(house: House) -> None:
    apart, together = house.checkpoints(), house.checkpoints(shared=True)
    for checkpoints, times in ((apart, 2), (together, 1)):
        house.engines.asked.clear()
        for owner in ("ann", "bob"):
            await speaker(checkpoints, await house.begin(owner=owner)).speak(utterance())
        assert len(house.engines.asked) == times


async def test_two_identical_jobs_at_once_share_one_synthesis(house: House) -> None:
    checkpoints = house.checkpoints()
    house.engines.let.clear()
    voices = [speaker(checkpoints, await house.begin()) for _ in range(2)]
    tasks = [asyncio.create_task(voice.speak(utterance())) for voice in voices]
    while not house.engines.asked:
        await asyncio.sleep(0.001)
    house.engines.let.set()
    one, other = await asyncio.gather(*tasks)
    assert one == other
    assert len(house.engines.asked) == 1
    assert sum(voice.spoken for voice in voices) == 1


async def test_who_shares_a_synthesis_does_not_lose_it_when_the_first_is_cancelled(
    house: House,
) -> None:
    checkpoints = house.checkpoints()
    house.engines.let.clear()
    tasks = [
        asyncio.create_task(speaker(checkpoints, await house.begin()).speak(utterance()))
        for _ in range(2)
    ]
    while not house.engines.asked:
        await asyncio.sleep(0.001)
    for _ in range(20):
        await asyncio.sleep(0.001)
    tasks[0].cancel()
    await asyncio.wait([tasks[0]])
    house.engines.let.set()
    assert (await tasks[1]).sample_rate == 22050
    assert house.engines.stopped == []


async def test_a_synthesis_that_nobody_waits_for_is_stopped(house: House) -> None:
    checkpoints = house.checkpoints()
    house.engines.let.clear()
    voice = speaker(checkpoints, await house.begin())
    task = asyncio.create_task(voice.speak(utterance()))
    while not house.engines.asked:
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait([task])
    assert house.engines.stopped == ["Hello."]
    house.engines.let.set()
    await voice.speak(utterance())
    assert len(house.engines.asked) == 2


async def test_a_segment_that_failed_is_tried_anew(house: House) -> None:
    voice = speaker(house.checkpoints(), await house.begin())
    for _ in range(2):
        with pytest.raises(EngineError):
            await voice.speak(utterance("unspeakable"))
    assert len(house.engines.asked) == 2
    assert house.files == 0


@pytest.mark.parametrize("harm", ["emptied", "cut", "changed", "removed"])
async def test_a_damaged_segment_is_spoken_again(house: House, harm: str) -> None:
    one = await house.begin()
    await speaker(house.checkpoints(), one).speak(utterance())
    [path] = (house.folder / "segments").iterdir()
    data = path.read_bytes()
    if harm == "removed":
        path.unlink()
    elif harm == "changed":
        path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    else:
        path.write_bytes(data[: len(data) // 2] if harm == "cut" else b"")
    voice = speaker(house.checkpoints(), one)
    await voice.expect([utterance()])
    await voice.speak(utterance())
    assert len(house.engines.asked) == 2
    assert (await voice.speak(utterance())) is not None
    assert len(house.engines.asked) == 2


async def test_segments_of_a_live_job_stay_and_go_after_it_where_nothing_is_cached(
    house: House,
) -> None:
    one = await house.begin()
    voice = speaker(house.checkpoints(), one)
    texts = [utterance(f"{n}") for n in range(5)]
    await voice.expect(texts)
    for each in texts:
        await voice.speak(each)
    house.now_ms += 10_000_000
    await house.sweep()
    assert house.files == 5
    await house.end(one)
    await house.sweep()
    assert house.files == 0


async def test_the_cache_keeps_what_was_used_last_within_its_size(house: House) -> None:
    checkpoints = house.checkpoints()
    for n in range(4):
        house.now_ms += 1000
        one = await house.begin()
        await speaker(checkpoints, one).speak(utterance(f"{n}"))
        await house.end(one)
    size = next((house.folder / "segments").iterdir()).stat().st_size
    house.now_ms += 1000
    again = await house.begin()
    voice = speaker(checkpoints, again)
    await voice.expect([utterance("0")])
    await voice.speak(utterance("0"))
    await house.end(again)
    await house.sweep(cache_bytes=2 * size + size // 2)
    assert house.files == 2
    house.engines.asked.clear()
    for n in range(4):
        await speaker(checkpoints, await house.begin()).speak(utterance(f"{n}"))
    assert house.engines.asked == ["1", "2"]


async def test_private_segments_serve_no_other_job_and_go_with_their_own(house: House) -> None:
    checkpoints = house.checkpoints()
    one = await house.begin()
    voice = speaker(checkpoints, one, private=True)
    await voice.expect([utterance()])
    await voice.speak(utterance())
    other = await house.begin()
    await speaker(checkpoints, other).speak(utterance())
    third = await house.begin()
    await speaker(checkpoints, third, private=True).speak(utterance())
    assert len(house.engines.asked) == 3
    await house.end(one)
    await house.end(third)
    await house.sweep(cache_bytes=10**9)
    assert house.files == 1


async def test_a_segment_that_was_kept_while_another_job_waited_for_room_is_not_spoken_again(
    house: House,
) -> None:
    checkpoints = house.checkpoints()
    waits, room = asyncio.Event(), asyncio.Event()

    async def wait_for_room() -> None:
        waits.set()
        await room.wait()

    one, other = await house.begin(), await house.begin()
    first, second = (
        checkpoints.speaker(Flow(each.owner, each.id), private=False, before_each=before_each)
        for each, before_each in ((one, wait_for_room), (other, no_check))
    )
    waiting = asyncio.create_task(first.speak(utterance()))
    await waits.wait()
    speaking = asyncio.create_task(second.speak(utterance()))
    await asyncio.wait([speaking], timeout=0.05)
    room.set()
    assert await waiting == await speaking
    assert len(house.engines.asked) == 1
    assert first.spoken + second.spoken == 1


async def test_a_private_segment_that_was_being_stored_when_its_job_was_cancelled_goes_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()
    write = blobs_module._write_durably

    def write_slowly(data: bytes, spool: Path, target: Path) -> None:
        begun.set()
        go_on.wait(10)
        write(data, spool, target)
        done.set()

    monkeypatch.setattr(blobs_module, "_write_durably", write_slowly)
    one = await house.begin()
    voice = speaker(house.checkpoints(), one, private=True)
    await voice.expect([utterance()])
    speaking = asyncio.create_task(voice.speak(utterance()))
    await asyncio.to_thread(begun.wait, 10)
    await house.end(one)
    speaking.cancel()
    asyncio.get_running_loop().call_later(0.02, go_on.set)
    await asyncio.wait([speaking])
    await asyncio.to_thread(done.wait, 10)
    await house.sweep()
    assert house.files == 0
