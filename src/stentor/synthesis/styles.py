"""What markup asks of a voice, as far as the voices can follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from stentor.contract import SpeechRequest
from stentor.routing.targets import LocalTarget, Target, language_base
from stentor.text.markup.marked import Style, StyleMark
from stentor.text.reading import PLAIN, Reading
from stentor.text.scripts import is_foreign

if TYPE_CHECKING:
    from stentor.audio.pcm import Pcm

SLOWEST, FASTEST = 0.25, 4.0


def styled_voice(target: Target, voice: str, style: Style) -> str:
    """The target's own name of the style's first choice that it has, or else of the voice."""
    known = target.voice_names
    for name in (style.voice or "").split():
        own = target.voice(name)
        if own is not None and (known is None or own in known):
            return own
    return target.voice(voice) or voice


def styled_speed(request: SpeechRequest, style: Style) -> float:
    """The speaking rate, from 0.25 to 4."""
    return min(max((request.speed or 1.0) * style.rate, SLOWEST), FASTEST)


def followed(target: Target, reading: Reading) -> Reading:
    """The reading with those of its styles that the target follows: others must cut no sentence."""
    if not reading.styles:
        return reading
    marks: list[StyleMark] = []
    for mark in reading.styles:
        style = _followed(target, mark.style)
        if style == PLAIN:
            continue
        if marks and marks[-1].end == mark.start and marks[-1].style == style:
            marks[-1] = marks[-1]._replace(end=mark.end)
        else:
            marks.append(StyleMark(mark.start, mark.end, style))
    return msgspec.structs.replace(reading, styles=tuple(marks))


def _followed(target: Target, style: Style) -> Style:
    language = style.language
    if language is not None and not speaks(target, language):
        language = None
    return replace(
        style,
        voice=style.voice if _has_voice(target, style) else None,
        language=language,
        pitch=None,
        emphasis=None,
    )


def speaks(target: Target, language: str) -> bool:
    """Whether the target can be told to speak a language, in whatever region's way."""
    if isinstance(target, LocalTarget):
        languages: Sequence[str] | None = target.model.languages
    else:
        languages = target.capabilities.languages
    if languages is None:
        return True
    return language_base(language) in {language_base(one) for one in languages}


def _has_voice(target: Target, style: Style) -> bool:
    if style.voice is None:
        return False
    known = target.voice_names
    names = [target.voice(name) for name in style.voice.split()]
    return any(name is not None and (known is None or name in known) for name in names)


def unheard(target: Target, reading: Reading) -> list[str]:
    """What of a reading's styles the target does not follow, in sentences."""
    warnings: dict[str, None] = {}
    for style in dict.fromkeys(mark.style for mark in reading.styles):
        if style.voice is not None and not _has_voice(target, style):
            warnings[
                f"{target.id} has no voice {style.voice!r}: the text is read on in the other"
            ] = None
        if style.language is not None and not speaks(target, style.language):
            warnings[f"{target.id} does not speak {style.language!r}, and reads it as its own"] = (
                None
            )
        if style.pitch is not None:
            warnings[f"{target.id} does not change its pitch"] = None
        if style.emphasis in ("strong", "moderate", "reduced"):
            warnings[f"{target.id} lays no emphasis on words"] = None
    return list(warnings)


def misread(reading: Reading, language: str) -> list[str]:
    """A warning where the text does not look as if it were in its language."""
    if not is_foreign(reading.text, language):
        return []
    return [
        f"most of the input is not written in the letters of {language!r}, as which it is read; "
        "language_code says otherwise, and another model may be needed"
    ]


def with_volume(pcm: Pcm, volume_db: float) -> Pcm:
    """The audio louder or softer; what is too loud for 16 bit is clipped."""
    if volume_db == 0.0:
        return pcm
    import numpy as np

    from stentor.audio.pcm import Pcm, to_int16

    factor = np.float32(10 ** (volume_db / 20))
    return Pcm(to_int16(pcm.samples.astype(np.float32) * factor), pcm.sample_rate)
