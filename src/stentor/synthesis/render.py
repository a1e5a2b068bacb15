"""From a checked request to one finished file.

Text is divided into parts, parts are spoken in parallel and joined in order, and one encoder writes
the file as they arrive. What is held in memory is bounded by the number of parts in flight, never
by the length of the text. A vendor's audio that is already what was asked for stays as it is.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from stentor.align import Aligner, HeardWord
from stentor.audio.settings import EncoderSettings
from stentor.contract import Progress, ResponseFormat
from stentor.errors import SpeechError
from stentor.providers.faults import ProviderError
from stentor.routing.attempts import AttemptLog
from stentor.routing.targets import LocalTarget, Target
from stentor.shielded import shielded
from stentor.synthesis.failures import Part, PartFailed
from stentor.synthesis.files import copied
from stentor.synthesis.mastering import mix_settings
from stentor.synthesis.remote import RemoteVoice
from stentor.synthesis.rendering import Rendering, local_attempt
from stentor.synthesis.timeline import Told
from stentor.synthesis.values import Listener, Rendered, Speaker, Speech
from stentor.synthesis.voices import LocalVoice, Parts, Rules, Voiced

if TYPE_CHECKING:
    from stentor.audio.mixdown import Mixdown, Mixed, MixSettings
    from stentor.audio.pcm import Pcm
    from stentor.routing.takes import Take

AUDIO_THREAD_NICENESS = 5
PARTS_ANNOUNCED = 256
# Of some seconds of audio each; between two such runs a cancelled rendering can stop.
STEPS_IN_A_ROW = 16

_AS_IT_CAME = "the audio was passed on as the provider made it, although {}"

T = TypeVar("T")


class Synthesizer:
    """Renders requests to files.

    Args:
        encoder: bit rates of the lossy formats.
        rules: how texts are divided and tried.
        aligner: listens to audio whose timings are wanted and were not told.
    """

    def __init__(
        self, *, encoder: EncoderSettings, rules: Rules, aligner: Aligner | None = None
    ) -> None:
        self._encoder = encoder
        self._rules = rules
        self._aligner = aligner
        self._threads = ThreadPoolExecutor(
            max_workers=max(2, (os.cpu_count() or 2) // 2),
            thread_name_prefix="audio",
            initializer=_step_back,
        )

    def close(self) -> None:
        """Let the audio threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def render(
        self,
        speech: Speech,
        path: Path,
        *,
        speaker: Speaker,
        listener: Listener,
        log: AttemptLog | None = None,
        hurried: bool = False,
        on_told: Callable[[Told], None] | None = None,
        on_target: Callable[[Target], None] | None = None,
    ) -> Rendered:
        """Speak the whole text into a new file.

        A target that fails is followed by the next, from the start: a voice never changes in
        the middle, unless the rules allow it.

        Args:
            path: the file of the first target, overwritten; that of each further target has its
                number appended. A target that fails leaves its file behind.
            log: where the attempts are told; a new one if left out.
            hurried: whether somebody waits for the first sound: then the rest of a long text is
                divided while its beginning is spoken, and the progress that is told is of what was
                divided so far.
            on_told: hears what is said when, as it gets into the file; after `listener.on_abort`,
                from the start.
            on_target: hears who is about to be tried.

        Raises:
            SpeechError: the text holds nothing to speak, or no target could speak it.
        """
        log = AttemptLog() if log is None else log
        for attempt in speech.skipped:
            log.add(attempt)
        first_error: SpeechError | None = None
        for number, target in enumerate(speech.targets):
            started = time.monotonic()
            if on_target is not None:
                on_target(target)
            own = path.with_name(f"{path.name}.{number}") if number else path
            rendering = Rendering(
                speech, number, own, speaker, listener, log, self._rules, hurried, on_told
            )
            try:
                await self._render(rendering)
            except PartFailed as failure:
                first_error = first_error or failure.as_error()
                if isinstance(target, LocalTarget):
                    log.add(local_attempt(target, failure.outcome, started))
                continue
            if isinstance(target, LocalTarget):
                log.add(local_attempt(target, "ok", started))
            heard: list[HeardWord] | None = None
            if speech.request.with_timestamps and not target.gives_timings:
                assert self._aligner is not None
                heard = await self._aligner.listen(own, speech.request.language_code)
            return await self._in_thread(rendering.rendered, heard)
        assert first_error is not None
        first_error.attempts = log.entries
        raise first_error

    async def _render(self, rendering: Rendering) -> None:
        speech, listener, voice = rendering.speech, rendering.listener, rendering.voice
        begun = None
        if rendering.hurried and isinstance(voice, LocalVoice) and _is_heard_early(speech):
            begun = await self._in_thread(voice.begin, speech.reading, speech.request.voice)
        if begun is not None:
            parts, rest = begun
        else:
            parts = await self._in_thread(voice.divide, speech.reading, speech.request.voice)
            rest = None
        rendering.divided(parts)
        listener.on_progress(Progress(segments_total=rendering.parts))
        try:
            if rest is not None or not await self._pass_through(rendering, parts.parts):
                await self._mix(rendering, parts.parts, rest=rest)
        except BaseException:
            listener.on_abort()
            raise

    async def _pass_through(self, rendering: Rendering, parts: Sequence[Part]) -> bool:
        """Let the vendor's own bytes be the file; False if they cannot be."""
        voice, response_format = rendering.voice, rendering.speech.response_format
        if not isinstance(voice, RemoteVoice) or not rendering.speech.may_pass_through:
            return False
        form = voice.passing_through(response_format)
        if form is None:
            return False
        await voice.expect(parts, form)
        take = await voice.take(parts[0], form, rendering.listener.on_audio)
        voiced = voice.voiced(parts[0], take)
        try:
            fits = await self._in_thread(_taken_over, take, response_format, rendering.path)
            if not fits and rendering.listener.heard:
                await self._in_thread(copied, take.path, rendering.path, take.size)
                rendering.warn([_AS_IT_CAME.format("; ".join(take.facts.misfits(response_format)))])
            elif not fits:
                rendering.listener.on_abort()
                await self._mix(rendering, parts, [voiced])
                return True
        finally:
            await rendering.done_with(voiced)
        rendering.add(voiced, origin_ms=0.0)
        rendering.mixed = _as_it_is(take)
        rendering.generation = take.generation
        rendering.progress(voiced, take.facts.duration_seconds)
        return True

    async def _mix(
        self,
        rendering: Rendering,
        parts: Sequence[Part],
        there: Sequence[Voiced] = (),
        rest: Callable[[], Parts] | None = None,
    ) -> None:
        """Decode, join and encode.

        Args:
            there: what was spoken already, if it was all of it.
            rest: divides what of the text comes after the parts.
        """
        opened: list[Mixdown] = []
        batches = self._batches(rendering, parts, rest)
        try:
            async with aclosing(batches), aclosing(_all_of(rendering, batches, there)) as results:
                async for voiced in results:
                    try:
                        await self._add(rendering, opened, voiced)
                    finally:
                        await rendering.done_with(voiced)
            [mixdown] = opened
            rendering.mixed = await self._in_thread(mixdown.close, stop=mixdown.stop)
        except BaseException:
            for one in opened:
                await self._in_thread(one.abort)
            raise

    async def _batches(
        self, rendering: Rendering, parts: Sequence[Part], rest: Callable[[], Parts] | None
    ) -> AsyncGenerator[Sequence[Part]]:
        """All parts, some at a time."""
        for start in range(0, len(parts), PARTS_ANNOUNCED):
            yield parts[start : start + PARTS_ANNOUNCED]
        if rest is not None:
            more: Parts = await self._in_thread(rest)
            rendering.divided(more)
            async for batch in self._batches(rendering, more.parts, None):
                yield batch

    async def _add(self, rendering: Rendering, opened: list[Mixdown], voiced: Voiced) -> None:
        pcm, warnings = await self._in_thread(_pcm, rendering, voiced)
        rendering.warn(warnings)
        first = not opened
        if first:
            await self._in_thread(
                _open_mixdown,
                opened,
                rendering.path,
                rendering.speech.response_format,
                pcm.sample_rate,
                mix_settings(rendering.speech, self._encoder),
            )
            if opened[0].grows:
                rendering.listener.on_audio(rendering.path, rendering.generation)
        [mixdown] = opened
        title = rendering.chapter(voiced)
        if title is not None:
            mixdown.begin_chapter(title)
        steps = mixdown.steps(pcm, voiced.pause_after_ms)
        seconds = 0.0
        if first and mixdown.grows:
            seconds = await self._in_thread(_first_heard, mixdown, steps)
            rendering.listener.on_growth()
        while (advanced := await self._in_thread(_advanced, steps)) is not None:
            seconds = advanced
        rendering.add(voiced, mixdown.origin_ms)
        rendering.progress(voiced, seconds)

    async def _in_thread(
        self, function: Callable[..., T], *args: object, stop: Callable[[], None] | None = None
    ) -> T:
        """Call the function in an audio thread.

        A thread cannot be interrupted, and two in one encoder crash the process: a cancelled
        caller waits until the thread is done, which `stop` may hasten.
        """
        loop = asyncio.get_running_loop()
        return await shielded(loop.run_in_executor(self._threads, function, *args), stop)


async def _all_of(
    rendering: Rendering, batches: AsyncGenerator[Sequence[Part]], there: Sequence[Voiced]
) -> AsyncGenerator[Voiced]:
    """Speak parts ahead of the one that is due, and yield what came of them in order."""
    if there:
        for voiced in there:
            yield voiced
        return
    ahead: deque[asyncio.Task[list[Voiced]]] = deque()
    coming: asyncio.Task[Sequence[Part] | None] | None = None
    first = True
    try:
        while True:
            coming = asyncio.create_task(_next(batches))
            # What is there is heard while the rest of the text is divided.
            while ahead and not coming.done():
                await asyncio.wait([ahead[0], coming], return_when=asyncio.FIRST_COMPLETED)
                if ahead[0].done():
                    for voiced in await _due(ahead):
                        yield voiced
            batch = await coming
            if batch is None:
                break
            await rendering.voice.expect(batch)
            for part in batch:
                ahead.append(asyncio.create_task(rendering.speak(part)))
                # What is waited for has the machine, or the vendor, for itself.
                first, alone = False, first and rendering.hurried
                if alone or len(ahead) >= rendering.voice.window:
                    for voiced in await _due(ahead):
                        yield voiced
        while ahead:
            for voiced in await _due(ahead):
                yield voiced
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        for task in ahead:
            task.cancel()
        for ended in await asyncio.gather(*ahead, return_exceptions=True):
            for voiced in ended if isinstance(ended, list) else ():
                await rendering.done_with(voiced)


async def _next(batches: AsyncGenerator[Sequence[Part]]) -> Sequence[Part] | None:
    return await anext(batches, None)


async def _due(ahead: deque[asyncio.Task[list[Voiced]]]) -> list[Voiced]:
    voiced = await ahead[0]
    ahead.popleft()
    return voiced


def _is_heard_early(speech: Speech) -> bool:
    """Whether the file of a request can be played while it is made."""
    request = speech.request
    return not (request.loudness or speech.response_format == "m4b")


def _pcm(rendering: Rendering, voiced: Voiced) -> tuple[Pcm, tuple[str, ...]]:
    from stentor.audio.form import DecodeError

    try:
        return voiced.pcm()
    except DecodeError as error:
        cause = ProviderError("malformed", f"its audio cannot be decoded: {error}")
        raise PartFailed(rendering.target, voiced.part, cause) from error


def _first_heard(mixdown: Mixdown, steps: Iterator[float]) -> float:
    """Go steps until there is something to hear; the seconds so far."""
    while (seconds := next(steps, None)) is not None and not mixdown.is_heard:
        pass
    return seconds or 0.0


def _advanced(steps: Iterator[float]) -> float | None:
    """Go some steps; the seconds so far, or None if there were no more steps."""
    return max(islice(steps, STEPS_IN_A_ROW), default=None)


def _taken_over(take: Take, response_format: ResponseFormat, path: Path) -> bool:
    """Make the vendor's bytes the file; False if players would stumble over them."""
    from stentor.audio.lengths import has_only_lengths_wrong, write_lengths

    misfits = take.facts.misfits(response_format)
    if misfits and not has_only_lengths_wrong(misfits):
        return False
    copied(take.path, path, take.size)
    return not misfits or write_lengths(path, take.facts)


def _as_it_is(take: Take) -> Mixed:
    from stentor.audio.encode import Encoded
    from stentor.audio.mixdown import Mixed

    facts = take.facts
    return Mixed(
        Encoded(
            samples_in=round(facts.duration_seconds * facts.sample_rate),
            duration_seconds=facts.duration_seconds,
            sample_rate=facts.sample_rate,
            size_bytes=take.size,
        )
    )


def _open_mixdown(
    opened: list[Mixdown],
    path: Path,
    response_format: ResponseFormat,
    sample_rate: int,
    settings: MixSettings,
) -> None:
    # FFmpeg and NumPy are loaded by the first job, in its thread, not by the server's start.
    from stentor.audio.mixdown import Mixdown

    # Handed over by side effect: the caller may have been cancelled, and must close it.
    opened.append(Mixdown(path, response_format, sample_rate, settings))


def _step_back() -> None:
    """Let the event loop's thread go first where the system knows niceness per thread (Linux)."""
    with suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), AUDIO_THREAD_NICENESS)
