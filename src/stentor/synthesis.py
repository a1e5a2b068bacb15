"""The heart: a checked request becomes one finished audio file.

Text is planned into segments, segments are spoken in parallel and joined in order, and one
encoder writes the file as the segments arrive. What is held in memory is bounded by the
number of segments in flight, never by the length of the text.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from stentor.audio.settings import EncoderSettings
from stentor.contract import Attempt, Progress, ResponseFormat, SpeechRequest
from stentor.engines.base import EngineError, Spoken, Utterance
from stentor.errors import SpeechError
from stentor.routing.catalogue import Target
from stentor.shielded import shielded
from stentor.text.plan import Pauses, Plan, Segment, plan

if TYPE_CHECKING:
    from stentor.audio.encode import Encoded
    from stentor.audio.mixdown import Mixdown

AUDIO_THREAD_NICENESS = 5
EXCERPT_CHARS = 60
SEGMENTS_ANNOUNCED = 256

T = TypeVar("T")


class Speaker(Protocol):
    """What speaks the utterances of one piece of work."""

    @property
    def size(self) -> int:
        """How many utterances it speaks at once."""
        ...

    async def expect(self, utterances: Sequence[Utterance]) -> None:
        """Hear which utterances will be asked for next, before they are."""
        ...

    async def speak(self, utterance: Utterance) -> Spoken:
        """Speak one utterance.

        Raises:
            EngineError: it cannot.
        """
        ...


class Listener(Protocol):
    """Who hears, on the event loop, how a rendering goes."""

    def on_audio(self, path: Path, target: int) -> None:
        """The file at `path` begins to grow, in the voice of the target of this number."""
        ...

    def on_abort(self) -> None:
        """The file is given up: what is still written to it is not its continuation."""
        ...

    def on_progress(self, progress: Progress) -> None:
        """The text is planned, or another segment is in the file."""
        ...


@dataclass(frozen=True, slots=True)
class Speech:
    """A request that was found to be serviceable.

    Attributes:
        targets: where to try, in order; at least one.
    """

    request: SpeechRequest
    targets: tuple[Target, ...]

    @property
    def response_format(self) -> ResponseFormat:
        return self.request.response_format or "mp3"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished file.

    Attributes:
        sha256: of the whole file, in hexadecimal.
        attempts: every target that was tried, the last being the one that spoke.
        warnings: what a listener may miss, in sentences.
    """

    path: Path
    encoded: Encoded
    sha256: str
    target: Target
    attempts: tuple[Attempt, ...]
    warnings: tuple[str, ...]


class Synthesizer:
    """Renders requests to files.

    Args:
        encoder: bit rates of the lossy formats.
        pauses: silence between segments.
        max_segment_chars: longest text given to the speaker at once.
    """

    def __init__(
        self,
        *,
        encoder: EncoderSettings,
        pauses: Pauses,
        max_segment_chars: int,
    ) -> None:
        self._encoder = encoder
        self._pauses = pauses
        self._max_segment_chars = max_segment_chars
        self._threads = ThreadPoolExecutor(
            max_workers=max(2, (os.cpu_count() or 2) // 2),
            thread_name_prefix="audio",
            initializer=_step_back,
        )

    def close(self) -> None:
        """Let the audio threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def render(
        self, speech: Speech, path: Path, *, speaker: Speaker, listener: Listener
    ) -> Rendered:
        """Speak the whole text into a new file.

        A target that fails is followed by the next, from the start: a voice never changes in
        the middle.

        Args:
            path: the file of the first target, overwritten; that of each further target has its
                number appended. A target that fails leaves its file behind.

        Raises:
            SpeechError: the text holds nothing to speak, or no target could speak it.
        """
        attempts: list[Attempt] = []
        first_error: SpeechError | None = None
        for number, target in enumerate(speech.targets):
            started = time.monotonic()
            own = path.with_name(f"{path.name}.{number}") if number else path
            rendering = _Rendering(speech, number, own, speaker, listener)
            try:
                encoded, warnings = await self._render_with(rendering)
            except _SegmentFailed as failure:
                first_error = first_error or failure.as_error(target)
                attempts.append(_attempt(target, failure.cause.code, started))
                continue
            attempts.append(_attempt(target, "ok", started))
            sha256 = await self._in_thread(_sha256, own)
            return Rendered(own, encoded, sha256, target, tuple(attempts), tuple(warnings))
        assert first_error is not None
        raise first_error

    async def _render_with(self, rendering: _Rendering) -> tuple[Encoded, list[str]]:
        request, target, listener = rendering.request, rendering.target, rendering.listener
        language = request.language_code or _voice_language(target, request)
        planned: Plan = await self._in_thread(
            lambda: plan(
                request.input,
                request.voice,
                language=language.partition("-")[0],
                max_chars=self._max_segment_chars,
                pauses=self._pauses,
            )
        )
        warnings = dict.fromkeys(planned.warnings)
        listener.on_progress(Progress(segments_total=len(planned.segments)))
        opened: list[Mixdown] = []
        try:
            async with aclosing(_speak_all(rendering, planned)) as results:
                async for segment, spoken in results:
                    if not opened:
                        await self._open(opened, rendering)
                    [mixdown] = opened
                    seconds = await self._in_thread(
                        mixdown.add, spoken.samples, spoken.sample_rate, segment.pause_after_ms
                    )
                    warnings.update(dict.fromkeys(spoken.warnings))
                    listener.on_progress(
                        Progress(
                            segments_total=len(planned.segments),
                            segments_done=segment.index + 1,
                            characters_done=segment.end,
                            audio_seconds=round(seconds, 3),
                        )
                    )
            [mixdown] = opened
            return await self._in_thread(mixdown.close), list(warnings)
        except BaseException:
            listener.on_abort()
            for one in opened:
                await self._in_thread(one.abort)
            raise

    async def _open(self, opened: list[Mixdown], rendering: _Rendering) -> None:
        await self._in_thread(
            _open_mixdown,
            opened,
            rendering.path,
            rendering.speech.response_format,
            rendering.target.model.sample_rate,
            self._encoder,
        )
        rendering.listener.on_audio(rendering.path, rendering.number)

    async def _in_thread(self, function: Callable[..., T], *args: object) -> T:
        """Call the function in an audio thread.

        A thread cannot be interrupted, and two in one encoder crash the process: a cancelled
        caller waits until the thread is done.
        """
        loop = asyncio.get_running_loop()
        return await shielded(loop.run_in_executor(self._threads, function, *args))


@dataclass(frozen=True, slots=True)
class _Rendering:
    """One target's try at a request."""

    speech: Speech
    number: int
    path: Path
    speaker: Speaker
    listener: Listener

    @property
    def request(self) -> SpeechRequest:
        return self.speech.request

    @property
    def target(self) -> Target:
        return self.speech.targets[self.number]

    def utterance(self, segment: Segment) -> Utterance:
        return Utterance(
            engine=self.target.provider,
            model=self.target.model.name,
            voice=segment.voice,
            text=segment.text,
            speed=self.request.speed or 1.0,
            language=self.request.language_code,
            revision=self.target.model.revision,
        )


async def _speak_all(
    rendering: _Rendering, planned: Plan
) -> AsyncGenerator[tuple[Segment, Spoken]]:
    """Speak the segments ahead of the one that is due, and yield them in order."""
    speaker = rendering.speaker
    ahead: deque[tuple[Segment, asyncio.Task[Spoken]]] = deque()
    window = 2 * speaker.size
    segments = iter(planned.segments)
    try:
        while batch := list(islice(segments, SEGMENTS_ANNOUNCED)):
            utterances = [rendering.utterance(segment) for segment in batch]
            await speaker.expect(utterances)
            for segment, utterance in zip(batch, utterances, strict=True):
                ahead.append((segment, asyncio.create_task(speaker.speak(utterance))))
                if len(ahead) >= window:
                    yield await _due(ahead)
        while ahead:
            yield await _due(ahead)
    finally:
        for _, task in ahead:
            task.cancel()
        await asyncio.gather(*(task for _, task in ahead), return_exceptions=True)


class _SegmentFailed(Exception):
    def __init__(self, segment: Segment, cause: EngineError) -> None:
        super().__init__(cause.message)
        self.segment = segment
        self.cause = cause

    def as_error(self, target: Target) -> SpeechError:
        segment = self.segment
        excerpt = segment.text[:EXCERPT_CHARS]
        if self.cause.code == "model_not_loaded":
            return SpeechError(
                502, self.cause.code, self.cause.message, provider=target.provider, model=target.id
            )
        unspeakable = self.cause.code == "unspeakable"
        return SpeechError(
            400 if unspeakable else 502,
            self.cause.code,
            f"segment {segment.index + 1}, characters {segment.start} to {segment.end} of input "
            f"({excerpt!r}), could not be spoken by {target.id}: {self.cause.message}",
            param="input" if unspeakable else None,
            provider=target.provider,
            model=target.id,
        )


async def _due(
    ahead: deque[tuple[Segment, asyncio.Task[Spoken]]],
) -> tuple[Segment, Spoken]:
    segment, task = ahead[0]
    try:
        spoken = await task
    except EngineError as error:
        raise _SegmentFailed(segment, error) from error
    ahead.popleft()
    return segment, spoken


def _attempt(target: Target, outcome: str, started: float) -> Attempt:
    return Attempt(
        provider=target.provider,
        model=target.model.name,
        outcome=outcome,
        latency_ms=round((time.monotonic() - started) * 1000),
    )


def _voice_language(target: Target, request: SpeechRequest) -> str:
    names = [request.voice] if isinstance(request.voice, str) else [v.voice for v in request.voice]
    spoken = {voice.id: voice.language for voice in target.model.voices}
    return next((language for name in names if (language := spoken.get(name))), None) or "en"


def _open_mixdown(
    opened: list[Mixdown],
    path: Path,
    response_format: ResponseFormat,
    sample_rate: int,
    settings: EncoderSettings,
) -> None:
    # FFmpeg and NumPy are loaded by the first job, in its thread, not by the server's start.
    from stentor.audio.mixdown import Mixdown

    # Handed over by side effect: the caller may have been cancelled, and must close it.
    opened.append(Mixdown(path, response_format, sample_rate, settings))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _step_back() -> None:
    """Let the event loop's thread go first where the system knows niceness per thread (Linux)."""
    with suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), AUDIO_THREAD_NICENESS)
