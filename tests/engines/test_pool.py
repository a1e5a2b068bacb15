"""The engine pool: fair between callers and jobs, and untouched by what one utterance does."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
from collections.abc import AsyncIterator

import pytest

from stentor.engines import piper
from stentor.engines.base import EngineError, Flow, Spoken, Utterance
from stentor.engines.pool import EnginePool
from stentor.engines.process import EngineCrashed, EngineNotStarted, EngineProcess
from stentor.engines.worker import Hello

MODELS = list(piper.find_models(voices_dir=None, voices_package=True).models)
FLOW = Flow("ann", "letter")
DEADLINE_S = 30


def say(text: str, model: str = "en_US-joe-medium") -> Utterance:
    return Utterance(engine="piper", model=model, voice="joe", text=text)


@pytest.fixture
async def pool() -> AsyncIterator[EnginePool]:
    made = EnginePool(Hello(MODELS, niceness=0, threads=1), size=1, timeout_s=60)
    made.start(warm=False)
    yield made
    await made.close()


class HeldEngine:
    """An engine process that speaks when the test lets it, and answers with the text."""

    def __init__(self, hello: Hello) -> None:
        self.pid = None
        self.spoken: list[str] = []
        self.started = asyncio.Semaphore(0)
        self.answers: asyncio.Queue[Exception | None] = asyncio.Queue()

    async def speak(self, utterance: Utterance) -> Spoken:
        self.spoken.append(utterance.text)
        self.started.release()
        if error := await self.answers.get():
            raise error
        return Spoken(utterance.text.encode(), 22050)

    async def kill(self) -> None:
        pass


@pytest.fixture
async def held(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[EnginePool, HeldEngine]]:
    monkeypatch.setattr("stentor.engines.pool.EngineProcess", HeldEngine)
    made = EnginePool(Hello([], niceness=0, threads=1), size=1, timeout_s=DEADLINE_S)
    made.start(warm=False)
    [engine] = made._processes
    assert isinstance(engine, HeldEngine)
    yield made, engine
    await made.close()


async def ask(pool: EnginePool, text: str, flow: Flow) -> asyncio.Task[Spoken]:
    """A task that waits in the pool already."""
    task = asyncio.create_task(pool.speak(say(text), flow))
    await asyncio.sleep(0)
    return task


async def test_an_utterance_becomes_audio(pool: EnginePool) -> None:
    spoken = await pool.speak(say("Hello there."), FLOW)
    assert spoken.sample_rate == 22050
    assert 0.4 * 22050 < len(spoken.samples) / 2 < 3 * 22050


async def test_owners_take_turns_then_priorities_count_then_an_owners_jobs_take_turns(
    held: tuple[EnginePool, HeldEngine],
) -> None:
    pool, engine = held
    tasks = [await ask(pool, "busy", Flow("cy", "letter"))]
    books = [Flow("ann", "book 1"), Flow("ann", "book 2")]
    tasks += [await ask(pool, f"{flow.job}.{n}", flow) for flow in books for n in range(3)]
    tasks.append(await ask(pool, "ann's haste", Flow("ann", "haste", "high")))
    tasks.append(await ask(pool, "ann's leisure", Flow("ann", "leisure", "low")))
    tasks += [await ask(pool, f"bob.{n}", Flow("bob", "letter", "low")) for n in range(2)]
    for _ in tasks:
        engine.answers.put_nowait(None)
    answers = await asyncio.gather(*tasks)
    assert engine.spoken == [
        *["busy", "ann's haste", "bob.0", "book 1.0", "bob.1", "book 2.0"],
        *["book 1.1", "book 2.1", "book 1.2", "book 2.2", "ann's leisure"],
    ]
    assert {answer.samples.decode() for answer in answers} == set(engine.spoken)


async def test_an_utterance_whose_engine_crashed_is_its_owners_next(
    held: tuple[EnginePool, HeldEngine],
) -> None:
    pool, engine = held
    tasks = [await ask(pool, "busy", Flow("cy", "letter"))]
    tasks += [await ask(pool, f"{n}", FLOW) for n in range(2)]
    tasks.append(await ask(pool, "other job", Flow("ann", "other")))
    tasks.append(await ask(pool, "other owner", Flow("bob", "letter")))
    for answer in (None, EngineCrashed("killed"), None, None, None, None):
        engine.answers.put_nowait(answer)
    await asyncio.gather(*tasks)
    assert engine.spoken == ["busy", "0", "other owner", "0", "other job", "1"]


async def test_an_engine_that_cannot_be_started_for_a_while_fails_nobody(
    held: tuple[EnginePool, HeldEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stentor.engines.pool.START_PAUSE_S", 0.001)
    pool, engine = held
    one, other = await ask(pool, "one", FLOW), await ask(pool, "other", FLOW)
    gone = await ask(pool, "gone", FLOW)
    for answer in (*[EngineNotStarted("no memory")] * 5, None, None):
        engine.answers.put_nowait(answer)
    gone.cancel()
    await asyncio.gather(one, other)
    assert engine.spoken == ["one"] * 6 + ["other"]


async def test_a_process_that_the_system_refuses_is_told_from_one_that_crashed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*args: object, **options: object) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    with pytest.raises(EngineNotStarted, match="no memory"):
        await EngineProcess(Hello([], niceness=0, threads=1)).speak(say("Hello."))


async def test_an_utterance_that_always_crashes_is_given_up_and_the_next_one_spoken(
    held: tuple[EnginePool, HeldEngine],
) -> None:
    pool, engine = held
    poison, fine = await ask(pool, "poison", FLOW), await ask(pool, "fine", FLOW)
    for answer in (*[EngineCrashed("killed")] * 3, None):
        engine.answers.put_nowait(answer)
    with pytest.raises(EngineError, match="failed 3 times on this text: killed"):
        await poison
    assert (await fine).samples == b"fine"
    assert engine.spoken == ["poison"] * 3 + ["fine"]


async def test_an_utterance_without_sound_fails_alone(pool: EnginePool) -> None:
    with pytest.raises(EngineError) as failure:
        await pool.speak(say("\u2014"), FLOW)
    assert failure.value.code == "unspeakable"
    assert (await pool.speak(say("Still here."), FLOW)).samples


async def test_a_killed_engine_process_is_replaced_and_its_utterance_spoken_again(
    pool: EnginePool,
) -> None:
    await pool.speak(say("Warm."), FLOW)
    [pid] = pool.pids
    speaking = asyncio.create_task(pool.speak(say("A sentence that takes its time. " * 8), FLOW))
    await asyncio.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    assert isinstance(await speaking, Spoken)
    assert pool.pids != [pid]


async def test_a_hanging_engine_is_given_up_after_its_time() -> None:
    pool = EnginePool(Hello(MODELS, niceness=0, threads=1), size=1, timeout_s=0.01)
    pool.start(warm=False)
    try:
        with pytest.raises(EngineError, match="no answer within"):
            await pool.speak(say("Too slow."), FLOW)
    finally:
        await pool.close()


async def test_a_cancelled_utterance_gives_up_its_place(
    held: tuple[EnginePool, HeldEngine],
) -> None:
    pool, engine = held
    first, second, third = [await ask(pool, text, FLOW) for text in ("1", "2", "3")]
    await engine.started.acquire()
    second.cancel()
    engine.answers.put_nowait(None)
    engine.answers.put_nowait(None)
    assert [(await task).samples for task in (first, third)] == [b"1", b"3"]
    assert engine.spoken == ["1", "3"]


@pytest.mark.parametrize("end", [None, EngineCrashed("killed"), EngineError("unspeakable", "")])
async def test_an_utterance_cancelled_while_it_is_spoken_is_finished_for_nobody(
    held: tuple[EnginePool, HeldEngine], end: Exception | None
) -> None:
    pool, engine = held
    cancelled, other = [await ask(pool, text, FLOW) for text in ("cancelled", "next")]
    await engine.started.acquire()
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert engine.spoken == ["cancelled"], "the engine was not free yet"
    engine.answers.put_nowait(end)
    engine.answers.put_nowait(None)
    assert (await other).samples == b"next"
    assert engine.spoken == ["cancelled", "next"]


async def test_after_a_cancelled_utterance_the_same_process_answers_the_next_one(
    pool: EnginePool,
) -> None:
    await pool.speak(say("Warm."), FLOW)
    pids = pool.pids
    long = await ask(pool, "A sentence that takes its time. " * 8, FLOW)
    short = await ask(pool, "Next.", FLOW)
    long.cancel()
    seconds = len((await short).samples) / 2 / 22050
    assert 0.2 < seconds < 2, "not the audio of this text"
    assert pool.pids == pids


async def test_cancelling_ten_thousand_waiting_utterances_leaves_nothing_behind(
    held: tuple[EnginePool, HeldEngine],
) -> None:
    pool, engine = held
    before = _waiting()
    speaking = await ask(pool, "spoken", FLOW)
    await engine.started.acquire()
    tasks = [
        asyncio.create_task(pool.speak(say(f"{n}"), Flow("ann", f"job {n % 100}")))
        for n in range(10_000)
    ]
    await asyncio.sleep(0)
    assert _waiting() - before == 10_001
    for task in tasks:
        task.cancel()
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.wait(tasks)
    del task
    tasks.clear()
    await asyncio.sleep(0)  # the loop lets go of what it woke this test with
    assert _waiting() - before == 1
    engine.answers.put_nowait(None)
    assert (await speaking).samples == b"spoken"


async def test_closing_the_pool_cancels_what_waits(held: tuple[EnginePool, HeldEngine]) -> None:
    pool, engine = held
    tasks = [await ask(pool, text, FLOW) for text in ("spoken", "waiting")]
    await engine.started.acquire()
    await pool.close()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [asyncio.CancelledError] * 2


async def test_no_process_outlives_the_pool(pool: EnginePool) -> None:
    await pool.speak(say("Hello."), FLOW)
    [pid] = pool.pids
    await pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def _waiting() -> int:
    gc.collect()
    # Utterances in the pool's queue, wherever it keeps them.
    return sum(type(one).__name__ == "_Waiting" for one in gc.get_objects())
