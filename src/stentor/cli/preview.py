"""How a text will be spoken, without speaking it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import msgspec

from stentor.cli.inputs import Input
from stentor.config import Config
from stentor.contract import InputType, SpeechRequest
from stentor.engines.base import EngineError, EngineModel
from stentor.engines.catalogue import find_models
from stentor.errors import SpeechError, invalid
from stentor.lexicon.lexicon import Lexicon
from stentor.routing.targets import LocalTarget, language_base
from stentor.synthesis.forms import spoken_forms
from stentor.synthesis.styles import followed, styled_voice, unheard
from stentor.synthesis.values import Speech
from stentor.text.markup.marked import Style
from stentor.text.plan import Plan, plan
from stentor.text.reading import PLAIN, Reading, read
from stentor.text.segments import Segment
from stentor.voicing import speaking_rules

# Stands for a voice where none is installed: texts are divided and normalised all the same.
_NOBODY = EngineModel(engine="", name="", voices=[], sample_rate=0, languages=[], files={})


class Sound(msgspec.Struct):
    """`[start, end)` of a segment's text is pronounced so."""

    start: int
    end: int
    ipa: str


class SegmentPreview(msgspec.Struct, omit_defaults=True):
    """What is spoken in one go.

    Attributes:
        text: as it is spoken.
        written: `[start, end)` of the input, with its markup.
        phonemes: pronunciations that the text or a dictionary asks for.
        style: what of the style is not plain.
        voice_phonemes: IPA, as the voice reads `text` by itself.
    """

    index: int
    text: str
    written: str
    start: int
    end: int
    voice: str
    pause_after_ms: int
    phonemes: list[Sound]
    style: dict[str, Any] | None = None
    voice_phonemes: str | None = None


class ChapterPreview(msgspec.Struct):
    """A heading; `segment` is the first one of the chapter."""

    segment: int
    title: str
    level: int


class Preview(msgspec.Struct):
    """How a text will be spoken. `model` and `voice` are empty where no voice is installed."""

    input_type: InputType
    language: str
    model: str
    voice: str
    segments: list[SegmentPreview]
    chapters: list[ChapterPreview]
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Previewer:
    """Reads texts as the default voice of this machine would be given them.

    Attributes:
        language: BCP 47; the voice's own if None.
    """

    config: Config
    model: EngineModel
    language: str | None = None
    lexicons: tuple[Lexicon, ...] = ()
    emoji: Literal["speak", "drop", "keep"] | None = None

    @classmethod
    def of(
        cls,
        config: Config,
        *,
        language: str | None = None,
        lexicons: tuple[Lexicon, ...] = (),
        emoji: Literal["speak", "drop", "keep"] | None = None,
    ) -> Previewer:
        """With the first model that there is."""
        models = find_models(config).models
        return cls(config, models[0] if models else _NOBODY, language, lexicons, emoji)

    def spoken(self, line: str, kind: InputType) -> str:
        """One line as it is spoken; empty if nothing of it is.

        Raises:
            SpeechError: it cannot be read.
        """
        try:
            planned = self._plan(read(line, kind, self._language))
        except SpeechError as error:
            if error.code == "nothing_to_speak":
                return ""
            raise
        return " ".join(segment.text.strip() for segment in planned.segments)

    def preview(self, source: Input, *, phonemes: bool = False) -> Preview:
        """All that is known of how a text is spoken.

        Args:
            phonemes: ask the voice's engine what it makes of each segment.

        Raises:
            SpeechError: the text cannot be read, has nothing to speak, or the engine does not
                show phonemes.
        """
        reading = read(source.text, source.kind, self._language)
        planned = self._plan(reading)
        segments = [self._segment(one, source.text) for one in planned.segments]
        if phonemes:
            self._ask(segments)
        return Preview(
            input_type=reading.kind,
            language=self._language,
            model=self._target.id if self.model is not _NOBODY else "",
            voice=self._voice,
            segments=segments,
            chapters=[ChapterPreview(*chapter) for chapter in planned.chapters],
            warnings=[*source.warnings, *planned.warnings, *self._unfollowed(reading)],
        )

    @property
    def _target(self) -> LocalTarget:
        return LocalTarget(self.model, {})

    @property
    def _voice(self) -> str:
        return self.model.voices[0].id if self.model.voices else ""

    @property
    def _language(self) -> str:
        own = self.model.voices[0].language if self.model.voices else None
        return self.language or own or "en"

    def _plan(self, reading: Reading) -> Plan:
        rules = speaking_rules(self.config)
        request = SpeechRequest(
            model=self._target.id, input=reading.text, voice=self._voice, emoji=self.emoji
        )
        speech = Speech(request, (self._target,), reading, lexicons=self.lexicons)
        return plan(
            followed(self._target, reading),
            self._voice,
            language=language_base(self._language),
            max_chars=rules.max_segment_chars,
            pauses=rules.pauses,
            forms=spoken_forms(speech, self._target, self._language),
        )

    def _segment(self, segment: Segment, source: str) -> SegmentPreview:
        return SegmentPreview(
            index=segment.index,
            text=segment.text,
            written=source[segment.start : segment.end],
            start=segment.start,
            end=segment.end,
            voice=styled_voice(self._target, segment.voice, segment.style),
            pause_after_ms=segment.pause_after_ms,
            phonemes=[Sound(*one) for one in segment.pronounced],
            style=_unplain(segment.style),
        )

    def _unfollowed(self, reading: Reading) -> Iterator[str]:
        if self.model is _NOBODY:
            return
        if self.language is not None:
            request = SpeechRequest(
                model=self._target.id,
                input="",
                voice=self._voice,
                language_code=self.language,
            )
            yield from (f"{self._target.id} {reason}" for _, reason in self._target.lacks(request))
        yield from unheard(self._target, reading)

    def _ask(self, segments: Sequence[SegmentPreview]) -> None:
        from stentor.engines.phonemes import phonemes_of

        if self.model is _NOBODY:
            raise invalid("--phonemes: no voice is installed", param="phonemes")
        try:
            answers = phonemes_of(self.model, [segment.text for segment in segments])
        except EngineError as error:
            raise invalid(f"--phonemes: {error.message}", param="phonemes") from error
        for segment, answer in zip(segments, answers, strict=True):
            segment.voice_phonemes = answer


def _unplain(style: Style) -> dict[str, Any] | None:
    changed = {
        field.name: getattr(style, field.name)
        for field in fields(Style)
        if getattr(style, field.name) != getattr(PLAIN, field.name)
    }
    return changed or None
