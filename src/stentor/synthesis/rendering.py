"""One target's try at a request, and what it comes to."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stentor.align import HeardWord
from stentor.contract import AlignmentSource, Attempt, Chapter, Progress
from stentor.providers.spans import word_timings
from stentor.routing.attempts import AttemptLog
from stentor.routing.effort import RetryBudget
from stentor.routing.generations import new_generation
from stentor.routing.targets import LocalTarget, RemoteTarget, Target
from stentor.synthesis.failures import Part, PartFailed
from stentor.synthesis.files import sha256
from stentor.synthesis.mastering import loudness_target
from stentor.synthesis.remote import RemoteVoice
from stentor.synthesis.substitutes import ending_as, placed, turns
from stentor.synthesis.timeline import Timed, Timeline
from stentor.synthesis.values import Listener, Rendered, Speaker, Speech, Timings
from stentor.synthesis.voices import LocalVoice, Parts, Rules, Voice, Voiced

if TYPE_CHECKING:
    from stentor.audio.mixdown import Mixed


LOUDNESS_TOLERANCE_LU = 0.5


@dataclass(slots=True)
class Rendering:
    """One target's try at a request, and what it comes to.

    Attributes:
        number: which of the request's targets it is, from 0.
        hurried: whether somebody waits for the first sound.
        parts: how many the text was divided into.
        chapters: the titles of those that begin with a part, by the part's place.
        mixed: the file, once it is finished.
        generation: of the file's bytes.
    """

    speech: Speech
    number: int
    path: Path
    speaker: Speaker
    listener: Listener
    log: AttemptLog
    rules: Rules
    hurried: bool = False
    voice: Voice = field(init=False)
    parts: int = 0
    chapters: dict[int, str] = field(default_factory=dict)
    mixed: Mixed | None = None
    generation: int = field(init=False)
    _warnings: dict[str, None] = field(default_factory=dict)
    _budgets: dict[str, RetryBudget] = field(default_factory=dict)
    _timeline: Timeline = field(default_factory=Timeline)
    _done: int = 0
    _begun: int = -1
    _tokens: list[int | None] = field(default_factory=lambda: [None, None])
    _request_ids: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Which target substitutes another may differ between two attempts.
        self.generation = new_generation() if self._may_be_substituted else self.number
        self.voice = self._voice(self.target, last=self.number == len(self.speech.targets) - 1)

    @property
    def _may_be_substituted(self) -> bool:
        return self.rules.substitutes and self.number < len(self.speech.targets) - 1

    @property
    def target(self) -> Target:
        return self.speech.targets[self.number]

    def _voice(self, target: Target, *, last: bool) -> Voice:
        if isinstance(target, RemoteTarget):
            return RemoteVoice(
                self.speech,
                target,
                self.speaker,
                self.rules,
                self.log,
                self._budgets.setdefault(target.id, RetryBudget(self.rules.retry_budget)),
                last_resort=last,
                folder=self.path.parent,
                hurried=self.hurried,
            )
        return LocalVoice(self.speech, target, self.speaker, self.rules)

    def divided(self, parts: Parts) -> None:
        """The text, or more of it, was divided so."""
        self.warn(parts.warnings)
        before = self.parts
        self.parts += len(parts.parts)
        self.chapters |= {before + one.segment: one.title for one in parts.chapters}

    async def speak(self, part: Part) -> list[Voiced]:
        """Speak a part, if the rules allow it by another target.

        Raises:
            PartFailed: it cannot be spoken.
        """
        try:
            return [await self.voice.speak(part)]
        except PartFailed as failure:
            others = self.speech.targets[self.number + 1 :]
            if not self._may_be_substituted or self.parts == 1:
                raise
            for target in others:
                with suppress(PartFailed):
                    voiced = await self._substituted(part, target, last=target is others[-1])
                    self.warn(
                        [
                            f"characters {part.start} to {part.end} of input are spoken by "
                            f"{target.id}, as {self.target.id} could not"
                        ]
                    )
                    return voiced
            raise failure

    async def _substituted(self, part: Part, target: Target, *, last: bool) -> list[Voiced]:
        voice = self._voice(target, last=last)
        started = time.monotonic()
        spoken: list[Voiced] = []
        try:
            for turn in turns(part):
                divided = await asyncio.to_thread(voice.divide, turn.reading, turn.voice)
                await voice.expect(divided.parts)
                for piece in divided.parts:
                    voiced = placed(await voice.speak(piece), part, turn.offset)
                    spoken.append(voiced)
        except BaseException as failure:
            for voiced in spoken:
                await self.done_with(voiced)
            if isinstance(failure, PartFailed) and isinstance(target, LocalTarget):
                self.log.add(local_attempt(target, failure.outcome, started))
            raise
        if isinstance(target, LocalTarget):
            self.log.add(local_attempt(target, "ok", started))
        return ending_as(spoken, part)

    async def done_with(self, voiced: Voiced) -> None:
        """What a part's samples lie in is needed no more."""
        if voiced.release is not None:
            await voiced.release()

    def warn(self, warnings: Sequence[str]) -> None:
        """Tell the caller, once each."""
        self._warnings.update(dict.fromkeys(warnings))

    def add(self, voiced: Voiced, origin_ms: float) -> None:
        """A part is in the file, its sample 0 at `origin_ms`."""
        self._done += 1
        self.warn(voiced.warnings)
        self._timeline.add(
            voiced.text, _moved(voiced.spoken, origin_ms), _moved(voiced.source, origin_ms)
        )
        if voiced.take is None:
            return
        called = voiced.take.called
        for place, count in enumerate((called.input_tokens, called.output_tokens)):
            if count is not None:
                self._tokens[place] = (self._tokens[place] or 0) + count
        if called.request_id is not None:
            self._request_ids[called.request_id] = None

    def progress(self, voiced: Voiced, seconds: float) -> None:
        """Tell the listener that the file is so long now, this part being the newest in it."""
        self.listener.on_progress(
            Progress(
                segments_total=max(self.parts, self._done),
                segments_done=self._done,
                characters_done=voiced.end,
                audio_seconds=round(seconds, 3),
            )
        )

    def chapter(self, voiced: Voiced) -> str | None:
        """The title of the chapter that begins with what is about to be in the file."""
        index = voiced.part.index
        if index == self._begun:
            return None
        self._begun = index
        return self.chapters.get(index)

    def rendered(self, heard: Sequence[HeardWord] | None = None) -> Rendered:
        """The finished file; takes as long as it is.

        Args:
            heard: what was heard in it, where nobody told the timings.
        """
        assert self.mixed is not None
        self._warn_of_loudness(self.mixed)
        request = self.speech.request
        if isinstance(self.voice, RemoteVoice):
            ignored = self.voice.ignored
        else:
            ignored = sorted(
                [*self.speech.extra_params, *(["instructions"] if request.instructions else [])]
            )
        timings: Timings | None = None
        if request.with_timestamps:
            timings = self._timings(heard)
        return Rendered(
            path=self.path,
            encoded=self.mixed.encoded,
            sha256=sha256(self.path),
            target=self.target,
            generation=self.generation,
            attempts=self.log.entries,
            cost=self.log.cost,
            input_tokens=self._tokens[0],
            output_tokens=self._tokens[1],
            request_ids=tuple(self._request_ids),
            warnings=tuple(self._warnings),
            ignored_params=tuple(ignored),
            timings=timings,
            loudness_lufs=self.mixed.loudness_lufs,
            chapters=tuple(Chapter(one.title, one.start_ms) for one in self.mixed.chapters),
        )

    def _timings(self, heard: Sequence[HeardWord] | None) -> Timings:
        request, reading = self.speech.request, self.speech.reading
        if heard is None:
            told_by: AlignmentSource = (
                "engine" if isinstance(self.target, LocalTarget) else "provider"
            )
            return self._timeline.finish(request.input, reading, told_by)
        timeline = Timeline()
        spoken = [
            Timed(one.start, one.end, one.start_ms, one.end_ms)
            for one in word_timings(reading.text, heard)
        ]
        source = [
            one._replace(start=start, end=end)
            for one in spoken
            for start, end in [reading.span(one.start, one.end)]
        ]
        timeline.add(reading.text, spoken, source)
        return timeline.finish(request.input, reading, "aligned")

    def _warn_of_loudness(self, mixed: Mixed) -> None:
        target, reached = loudness_target(self.speech.request), mixed.loudness_lufs
        if target is None or reached is None or abs(target.lufs - reached) <= LOUDNESS_TOLERANCE_LU:
            return
        if math.isinf(reached):
            self.warn(["the audio is too quiet for its loudness to be measured"])
        else:
            self.warn(
                [
                    f"the loudness is {reached:.1f} LUFS instead of {target.lufs:g}: more would "
                    "distort its peaks"
                ]
            )


def _moved(timings: Sequence[Timed], by_ms: float) -> list[Timed]:
    return [
        one._replace(start_ms=max(0.0, one.start_ms + by_ms), end_ms=max(0.0, one.end_ms + by_ms))
        for one in timings
    ]


def local_attempt(target: LocalTarget, outcome: str, started: float) -> Attempt:
    """The record of a model of this machine, which began at `started` (monotonic)."""
    return Attempt(
        provider=target.provider,
        model=target.name,
        outcome=outcome,
        latency_ms=round((time.monotonic() - started) * 1000),
    )
