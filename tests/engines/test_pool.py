"""The engine pool: fair between flows, and untouched by what one utterance does."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from stentor.engines import piper
from stentor.engines.base import EngineError, Spoken, Utterance
from stentor.engines.pool import EnginePool
from stentor.engines.worker import Hello

MODELS = list(piper.find_models(voices_dir=None, voices_package=True).models)


def say(text: str, model: str = "en_US-joe-medium") -> Utterance:
    return Utterance(engine="piper", model=model, voice="joe", text=text)


@pytest.fixture
async def pool() -> AsyncIterator[EnginePool]:
    made = EnginePool(Hello(MODELS, niceness=0, threads=1), size=1, timeout_s=60)
    made.start(warm=False)
    yield made
    await made.close()


async def test_an_utterance_becomes_audio(pool: EnginePool) -> None:
    spoken = await pool.speak(say("Hello there."), "flow")
    assert spoken.sample_rate == 22050
    assert 0.4 * 22050 < len(spoken.samples) / 2 < 3 * 22050


async def test_flows_take_turns_so_that_a_late_sentence_overtakes_a_book(pool: EnginePool) -> None:
    order: list[str] = []

    async def speak(flow: str) -> None:
        await pool.speak(say("One."), flow)
        order.append(flow)

    book = [asyncio.create_task(speak("book")) for _ in range(6)]
    await asyncio.sleep(0)
    await speak("sentence")
    await asyncio.gather(*book)
    assert order.index("sentence") <= 2


async def test_an_utterance_without_sound_fails_alone(pool: EnginePool) -> None:
    with pytest.raises(EngineError) as failure:
        await pool.speak(say("\u2014"), "flow")
    assert failure.value.code == "unspeakable"
    assert (await pool.speak(say("Still here."), "flow")).samples


async def test_a_killed_engine_process_is_replaced_and_its_utterance_spoken_again(
    pool: EnginePool,
) -> None:
    await pool.speak(say("Warm."), "flow")
    [pid] = pool.pids
    speaking = asyncio.create_task(pool.speak(say("A sentence that takes its time. " * 8), "flow"))
    await asyncio.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    assert isinstance(await speaking, Spoken)
    assert pool.pids != [pid]


async def test_a_hanging_engine_is_given_up_after_its_time() -> None:
    pool = EnginePool(Hello(MODELS, niceness=0, threads=1), size=1, timeout_s=0.01)
    pool.start(warm=False)
    try:
        with pytest.raises(EngineError, match="no answer within"):
            await pool.speak(say("Too slow."), "flow")
    finally:
        await pool.close()


async def test_a_cancelled_utterance_gives_up_its_place(pool: EnginePool) -> None:
    waiting = [asyncio.create_task(pool.speak(say(f"Number {n}."), "flow")) for n in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    assert (await pool.speak(say("Next."), "other")).samples


async def test_no_process_outlives_the_pool(pool: EnginePool) -> None:
    await pool.speak(say("Hello."), "flow")
    [pid] = pool.pids
    await pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
