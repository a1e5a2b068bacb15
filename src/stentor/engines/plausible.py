"""Whether audio can be the speech of a text.

Networks that speak sometimes stop early, never stop, or say nothing or noise. None of that is an
error to whoever runs them, so it is looked for in the audio: how long it is for what was to be
said, and whether anything, or nothing but noise, is heard.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from stentor.audio.pcm import Pcm

TOO_SHORT, TOO_LONG = 0.35, 3.0

# -60 dB of full scale.
SILENT_PEAK = 32
_FULL_SCALE = 32760
CLIPPED_SHARE = 0.05

# Fewer sounds than a text of some 15 characters has may take any time.
_FEW_SOUNDS = 12
# Silence before and after: Kokoro puts nearly a second around the shortest text.
_AROUND_S = 0.8

# Seconds that one character may take in the mouth of a brisk and of a slow reader: a letter of an
# alphabet; a character that is a syllable or more; one that may be read as a word, or not at all.
_LETTER_S = (0.045, 0.1)
_SYLLABLE_S = (0.08, 0.5)
_WORD_S = (0.0, 1.0)
_SYLLABLES = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff\uac00-\ud7af]")
_LETTERS = re.compile(r"[^\W\d_]")
_SPACES = re.compile(r"\s+")
# What vendors take for directions, and may leave unsaid.
_DIRECTIONS = re.compile(r"<[^<>]*>|\[[^\[\]]*\]")


class Bounds(NamedTuple):
    """How long the speech of a text can take, in seconds."""

    shortest: float
    longest: float


class Levels(Struct, frozen=True):
    """What is looked at in audio.

    Attributes:
        duration_seconds: of the whole.
        peak: the largest sample, 0 to 32768.
        clipped: the share of samples that are full scale, 0 to 1.
    """

    duration_seconds: float
    peak: int
    clipped: float


def measure(pcm: Pcm) -> Levels:
    """Look at audio, in little memory however long it is."""
    from stentor.audio.pcm import blocks

    peak = clipped = 0
    for block in blocks(pcm.samples):
        highest = max(int(block.max()), -int(block.min()))
        peak = max(peak, highest)
        if highest >= _FULL_SCALE:
            clipped += int((block >= _FULL_SCALE).sum() + (block <= -_FULL_SCALE).sum())
    return Levels(pcm.duration_seconds, peak, clipped / max(1, len(pcm.samples)))


def implausible(text: str, audio: Pcm | Levels, *, speed: float = 1.0) -> str | None:
    """Why audio from anywhere cannot be the speech of a text; None if it can.

    Generous: voices, languages and what a vendor makes of markup differ.

    Args:
        text: as it was sent.
        audio: the whole of it, or what `measure` found.
        speed: speaking rate that was asked for.
    """
    levels = audio if isinstance(audio, Levels) else measure(audio)
    return implausible_levels(levels, bounds_of_text(text, speed=speed))


def implausible_levels(levels: Levels, bounds: Bounds) -> str | None:
    """Why audio cannot be speech of that duration; None if it can."""
    if levels.peak <= SILENT_PEAK:
        return "it is silent"
    if levels.clipped > CLIPPED_SHARE:
        return f"{levels.clipped:.0%} of it is clipped"
    seconds = levels.duration_seconds
    if seconds < bounds.shortest:
        return f"it is cut short: {seconds:.2f} s, expected {bounds.shortest:.2f} s at least"
    if seconds > bounds.longest:
        return f"it does not end: {seconds:.2f} s, expected {bounds.longest:.2f} s at most"
    return None


def bounds_of_sounds(count: int, seconds_each: float, *, speed: float = 1.0) -> Bounds:
    """For a voice whose rate is known.

    Args:
        count: phonemes to be heard.
        seconds_each: what a phoneme takes in this voice, on average.
        speed: speaking rate that was asked for.
    """
    expected = count * seconds_each / speed
    return Bounds(
        TOO_SHORT * expected if count > _FEW_SOUNDS else 0.0,
        TOO_LONG * (expected + _AROUND_S / speed),
    )


def bounds_of_text(text: str, *, speed: float = 1.0) -> Bounds:
    """For a voice of which nothing is known.

    Args:
        speed: speaking rate that was asked for.
    """
    said = _DIRECTIONS.sub("", text)
    shortest = _seconds(said, 0) if len(said) > 15 else 0.0
    return Bounds(
        TOO_SHORT * shortest / speed,
        TOO_LONG * (_seconds(text, 1) + _AROUND_S) / speed,
    )


def _seconds(text: str, side: int) -> float:
    rest, syllables = _SYLLABLES.subn("", _SPACES.sub("", text))
    letters = len(_LETTERS.findall(rest))
    others = len(rest) - letters
    return letters * _LETTER_S[side] + syllables * _SYLLABLE_S[side] + others * _WORD_S[side]
