"""Speaking the parts of a text by one target: a model in this machine, or one of a vendor's."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from stentor.contract import SpeakerVoice
from stentor.engines.base import EngineError, Pronunciation, Spoken, Utterance
from stentor.routing.targets import LocalTarget, Target, language_base
from stentor.synthesis.failures import Part, PartFailed
from stentor.synthesis.forms import spoken_forms
from stentor.synthesis.styles import (
    followed,
    misread,
    styled_speed,
    styled_voice,
    unheard,
    with_volume,
)
from stentor.synthesis.timeline import Timed
from stentor.synthesis.values import Speaker, Speech
from stentor.text.characters import has_speech
from stentor.text.plan import Chapter, plan
from stentor.text.reading import Reading
from stentor.text.segments import Pauses, Segment

if TYPE_CHECKING:
    from stentor.audio.pcm import Pcm
    from stentor.routing.takes import Take

LONG_CHARS = 1000
# Some sentences: it takes a few milliseconds to divide them, and half a minute or more to hear
# them. The longer are for texts whose shorter ones have no good end, and for those whose rest
# takes as long as that to divide.
BEGINNINGS_CHARS = (400, 1000)
VAST_CHARS = 500_000

# Where a text may be divided so that the lines behind are taken for what they are: what is left of
# a wrapped line would look like a heading, and a mark at the beginning of a line like a bullet.
_BEGINNING = re.compile(r"[^\S\r\n]*(?:[\r\n]|[\"'“‘«„¿¡]?\w[^\r\n]{200})")

Cast = str | Sequence[SpeakerVoice]


@dataclass(frozen=True, slots=True)
class Voiced:
    """A part of the text, spoken.

    Attributes:
        pcm: makes the samples, and says what a listener may miss in them; for a thread.
        part: what was to be spoken.
        end: where the part ends, in characters of the caller's text.
        text: what was said.
        spoken, source: when it was said, in `text` and in the caller's; from the audio's beginning.
        release: gives back what the samples lie in.
    """

    pcm: Callable[[], tuple[Pcm, tuple[str, ...]]]
    part: Part
    end: int
    pause_after_ms: int
    text: str = ""
    spoken: tuple[Timed, ...] = ()
    source: tuple[Timed, ...] = ()
    warnings: tuple[str, ...] = ()
    take: Take | None = None
    release: Callable[[], Awaitable[None]] | None = None


class Parts(Struct, frozen=True):
    """A text, divided as a target wants it.

    Attributes:
        parts: at least one.
        warnings: what a listener may be surprised by, in sentences.
    """

    parts: Sequence[Part]
    warnings: Sequence[str] = ()
    chapters: Sequence[Chapter] = ()


class Voice(Protocol):
    """A target that speaks one text."""

    @property
    def target(self) -> Target: ...

    @property
    def window(self) -> int:
        """How many parts to have under way at once."""
        ...

    def divide(self, text: Reading, cast: Cast) -> Parts:
        """Divide a text; takes as long as the text is."""
        ...

    async def expect(self, parts: Sequence[Part]) -> None:
        """Hear which parts come next."""
        ...

    async def speak(self, part: Part) -> Voiced:
        """Speak one part.

        Raises:
            PartFailed: it cannot be spoken.
        """
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """How texts are divided and tried, for all requests.

    Attributes:
        max_segment_chars: longest text given to an engine of this machine at once.
        retry_budget: retries of one request at one vendor, beyond one for every few segments.
        substitutes: whether another target may speak a single part that one has failed at.
    """

    pauses: Pauses = field(default_factory=Pauses)
    max_segment_chars: int = 300
    retry_budget: int = 10
    substitutes: bool = False


class LocalVoice:
    """A model of this machine."""

    def __init__(self, speech: Speech, target: LocalTarget, speaker: Speaker, rules: Rules) -> None:
        self.target = target
        self._speech = speech
        self._request = speech.request
        self._speaker = speaker
        self._rules = rules
        self._timed = bool(speech.request.with_timestamps) and target.gives_timings
        self.window = 2 * speaker.size

    def begin(self, text: Reading, cast: Cast) -> tuple[Parts, Callable[[], Parts]] | None:
        """Divide the beginning of a long text, so that it can be spoken before the rest is read.

        Returns:
            The first parts, and what divides the rest when it is called.
            None where the text is short, or is more than plain text in one voice: then what is to
            be said of the beginning may depend on the rest.
        """
        if not text.is_plain or not isinstance(cast, str) or len(text.text) < LONG_CHARS:
            return None
        sizes = BEGINNINGS_CHARS if len(text.text) < VAST_CHARS else BEGINNINGS_CHARS[-1:]
        return next(filter(None, (self._begin(text, cast, size) for size in sizes)), None)

    def _begin(
        self, text: Reading, cast: str, size: int
    ) -> tuple[Parts, Callable[[], Parts]] | None:
        """The beginning within so many characters; None if it has no good end."""
        head = text.text[: text.text.rfind(" ", 0, size) + 1]
        if not has_speech(head):
            return None
        parts = self.divide(Reading(head), cast)
        # Where a text ends, its last words may be read in another way than where it goes on.
        certain = list(parts.parts[:-2])
        # So may the first words of the rest, in the middle of a sentence or of a line.
        while certain and not (
            certain[-1].pause_after_ms >= self._rules.pauses.sentence_ms
            and _BEGINNING.match(text.text, certain[-1].end)
        ):
            certain.pop()
        if not certain:
            return None
        rest = partial(self._rest, text, cast, len(certain), certain[-1].end)
        return Parts(certain, parts.warnings), rest

    def _rest(self, text: Reading, cast: Cast, number: int, start: int) -> Parts:
        """What comes after so many parts, which end at this character."""
        rest = self.divide(Reading(text.text[start:]), cast)
        moved = [one.moved(number, start) for one in rest.parts if isinstance(one, Segment)]
        return Parts(moved, rest.warnings)

    def divide(self, text: Reading, cast: Cast) -> Parts:
        language = self._request.language_code or self._language(cast)
        planned = plan(
            followed(self.target, text),
            cast,
            language=language_base(language),
            max_chars=self._rules.max_segment_chars,
            pauses=self._rules.pauses,
            forms=spoken_forms(self._speech, self.target, language),
        )
        warnings = [
            *planned.warnings,
            *unheard(self.target, text),
            *misread(text, language),
        ]
        return Parts(planned.segments, warnings, planned.chapters)

    async def expect(self, parts: Sequence[Part]) -> None:
        await self._speaker.expect([self._utterance(part) for part in parts])

    async def speak(self, part: Part) -> Voiced:
        assert isinstance(part, Segment)
        try:
            spoken = await self._speaker.speak(self._utterance(part))
        except EngineError as error:
            raise PartFailed(self.target, part, error) from error

        if spoken.timings is None and self._timed:
            missing = EngineError("engine_failed", "it did not say when its words are heard")
            raise PartFailed(self.target, part, missing)

        def pcm() -> tuple[Pcm, tuple[str, ...]]:
            from stentor.audio.pcm import Pcm

            heard = Pcm.from_bytes(spoken.samples, spoken.sample_rate)
            return with_volume(heard, part.style.volume_db), ()

        return Voiced(
            pcm,
            part,
            part.end,
            part.pause_after_ms,
            text=part.text,
            spoken=(said := _timed(spoken)),
            source=tuple(
                Timed(*part.span(one.start, one.end), one.start_ms, one.end_ms) for one in said
            ),
            warnings=tuple(spoken.warnings),
        )

    def _utterance(self, part: Part) -> Utterance:
        assert isinstance(part, Segment)
        model = self.target.model
        return Utterance(
            engine=model.engine,
            model=model.name,
            voice=styled_voice(self.target, part.voice, part.style),
            text=part.text,
            speed=styled_speed(self._request, part.style),
            language=part.style.language or self._request.language_code,
            revision=model.revision,
            timestamps=self._timed,
            phonemes=tuple(Pronunciation(*one) for one in part.pronounced),
        )

    def _language(self, cast: Cast) -> str:
        names = [cast] if isinstance(cast, str) else [one.voice for one in cast]
        spoken = {voice.id: voice.language for voice in self.target.model.voices}
        voices = (self.target.voice(name) or name for name in names)
        return next((language for name in voices if (language := spoken.get(name))), None) or "en"


def _timed(spoken: Spoken) -> tuple[Timed, ...]:
    """The words' timings in ms."""
    per_ms = spoken.sample_rate / 1000
    return tuple(
        Timed(one.start, one.end, one.start_sample / per_ms, one.end_sample / per_ms)
        for one in spoken.timings or ()
    )
