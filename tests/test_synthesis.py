"""Rendering, cancelled at any moment: nothing crashes and nothing is left open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from stentor.audio.settings import EncoderSettings
from stentor.contract import STREAM_FORMATS, Progress, ResponseFormat, SpeechRequest
from stentor.engines import piper
from stentor.engines.base import EngineError, Flow, Spoken, Utterance
from stentor.errors import SpeechError
from stentor.routing.caller import Order
from stentor.routing.takes import Begun, Call, Take
from stentor.routing.targets import LocalTarget
from stentor.synthesis.render import Synthesizer
from stentor.synthesis.values import Speech
from stentor.synthesis.voices import LocalVoice, Parts, Rules
from stentor.text.reading import Reading

[MODEL] = piper.find_models(voices_dir=None, voices_package=True).models
NOISE = np.random.default_rng(0).normal(0, 3000, 3 * 22050).astype(np.int16).tobytes()


class InstantSpeaker:
    """Answers at once, so that all the time goes into joining and encoding."""

    size = 2
    flow = Flow("", "job")

    async def expect(self, parts: Sequence[Utterance | Call]) -> None:
        pass

    async def take(self, order: Order, begun: Begun | None = None) -> Take:
        raise AssertionError("nothing is asked of vendors")

    async def release(self, take: Take) -> None:
        raise AssertionError("nothing was asked of vendors")

    async def speak(self, utterance: Utterance) -> Spoken:
        if "unspeakable" in utterance.text:
            raise EngineError("unspeakable", "no sound")
        return Spoken(NOISE, 22050)


class Heard:
    """What a listener was told."""

    heard = False

    def __init__(self) -> None:
        self.audio: list[tuple[Path, int]] = []
        self.progress: list[Progress] = []
        self.aborted = 0

    def on_audio(self, path: Path, target: int) -> None:
        self.audio.append((path, target))

    def on_growth(self) -> None:
        pass

    def on_abort(self) -> None:
        self.aborted += 1

    def on_progress(self, progress: Progress) -> None:
        self.progress.append(progress)


@pytest.fixture
async def synthesizer() -> AsyncIterator[Synthesizer]:
    made = Synthesizer(encoder=EncoderSettings(), rules=Rules())
    yield made
    made.close()


def speech(text: str, response_format: ResponseFormat = "mp3") -> Speech:
    request = SpeechRequest(
        model="piper/x", input=text, voice="joe", response_format=response_format
    )
    return Speech(request, (LocalTarget(MODEL, {}),), Reading(text))


@pytest.mark.parametrize("response_format", STREAM_FORMATS)
async def test_a_cancelled_rendering_stops_without_harm_and_closes_its_file(
    synthesizer: Synthesizer, tmp_path: Path, response_format: ResponseFormat
) -> None:
    text = "One of very many sentences. " * 200
    path = tmp_path / "out"
    for turns in range(1, 80, 8):
        task = asyncio.create_task(
            synthesizer.render(
                speech(text, response_format), path, speaker=InstantSpeaker(), listener=Heard()
            )
        )
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        task.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    descriptors = [one.resolve() for one in Path("/proc/self/fd").iterdir()]
    assert path.resolve() not in descriptors


async def test_a_segment_that_cannot_be_spoken_fails_with_its_place(
    synthesizer: Synthesizer, tmp_path: Path
) -> None:
    text = "This is fine. This is unspeakable. This is fine again."
    with pytest.raises(SpeechError) as failure:
        await synthesizer.render(
            speech(text), tmp_path / "out", speaker=InstantSpeaker(), listener=Heard()
        )
    assert failure.value.status_code == 400
    assert "segment 2, characters 14 to 34" in failure.value.message


async def test_a_fallback_writes_a_file_of_its_own_and_says_so(
    synthesizer: Synthesizer, tmp_path: Path
) -> None:
    other = msgspec.structs.replace(MODEL, name="other")
    request = speech("Fine. Fine again.", "pcm").request
    both = Speech(request, (LocalTarget(MODEL, {}), LocalTarget(other, {})), Reading(request.input))
    heard = Heard()

    class FirstFails(InstantSpeaker):
        async def speak(self, utterance: Utterance) -> Spoken:
            if utterance.model == MODEL.name and "again" in utterance.text:
                raise EngineError("engine_failed", "no")
            return await super().speak(utterance)

    path = tmp_path / "out"
    rendered = await synthesizer.render(both, path, speaker=FirstFails(), listener=heard)
    assert [attempt.outcome for attempt in rendered.attempts] == ["engine_failed", "ok"]
    assert [number for _, number in heard.audio] == [0, 1]
    assert heard.aborted == 1
    assert rendered.path == heard.audio[1][0] != heard.audio[0][0]


async def test_all_segments_are_announced_before_they_are_asked_for(
    synthesizer: Synthesizer, tmp_path: Path
) -> None:
    announced: list[str] = []

    class Listening(InstantSpeaker):
        async def expect(self, parts: Sequence[Utterance | Call]) -> None:
            announced.extend(part.text for part in parts if isinstance(part, Utterance))

        async def speak(self, utterance: Utterance) -> Spoken:
            assert utterance.text in announced
            return await super().speak(utterance)

    text = " ".join(f"Sentence number {number}." for number in range(600))
    await synthesizer.render(
        speech(text, "pcm"), tmp_path / "out", speaker=Listening(), listener=Heard()
    )
    assert len(announced) == 600


async def test_the_beginning_of_a_long_text_is_heard_while_the_rest_is_divided(
    synthesizer: Synthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Many(InstantSpeaker):
        """Engines for more parts than the beginning has."""

        size = 100

    class Waiting(Heard):
        def on_audio(self, path: Path, target: int) -> None:
            super().on_audio(path, target)
            heard.set()

    divide, heard = LocalVoice._rest, threading.Event()

    def late(*args: Any) -> Parts:
        assert heard.wait(10)
        return divide(*args)

    monkeypatch.setattr(LocalVoice, "_rest", late)
    text = "One of very many sentences. " * 200
    listener = Waiting()
    rendered = await synthesizer.render(
        speech(text), tmp_path / "out", speaker=Many(), listener=listener, hurried=True
    )
    assert rendered.encoded.duration_seconds > 200
    last = listener.progress[-1]
    assert last.segments_done == last.segments_total == 200
    assert last.characters_done == len(text.rstrip())
