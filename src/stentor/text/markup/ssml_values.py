"""Values of SSML's attributes, as numbers. Sources: SSML 1.1, sections 3.1.8 to 3.2.4.

What a value may be is read generously: notations of SSML 1.0 and of vendors are taken too.
"""

from __future__ import annotations

import math
import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, get_args

from stentor.text.markup.marked import SILENT_DB, EmphasisLevel

MAX_BREAK_MS = 60_000
MIN_RATE, MAX_RATE = 0.1, 10.0
MAX_VOLUME_DB = 40.0

_NUMBER = r"(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})"
_TIME = re.compile(rf"\+?({_NUMBER})\s?(ms|s)")
_RATE = re.compile(rf"([+-]?)({_NUMBER})(%?)")
_DECIBELS = re.compile(rf"([+-]?{_NUMBER})\s?dB", re.IGNORECASE)
_PITCH = re.compile(rf"[+-]?{_NUMBER}(?:%|Hz|st)", re.IGNORECASE)


@cache
def ssml_words() -> dict[str, Any]:
    """The tables of `ssml.toml`."""
    return tomllib.loads((files(__package__) / "ssml.toml").read_text("utf-8"))


def break_ms(time: str | None, strength: str | None) -> int | None:
    """How long a break is, in milliseconds; None if its attributes make no sense.

    `time` counts if there is one, and a break without attributes is of medium strength.
    """
    if time is None:
        found: int | None = ssml_words()["break_ms"].get((strength or "medium").strip())
        return found
    match = _TIME.fullmatch(time.strip())
    if match is None:
        return None
    return round(float(match[1]) * (1000 if match[2] == "s" else 1))


def rate(value: str, current: float) -> float | None:
    """Times the voice's own rate, or None.

    A percentage or number is of the voice's own rate; one with a sign changes the current rate.
    """
    value = value.strip()
    if (label := ssml_words()["rate"].get(value)) is not None:
        return float(label)
    match = _RATE.fullmatch(value)
    if match is None:
        return None
    amount = float(match[2]) / (100 if match[3] else 1)
    factor = current * (1 + math.copysign(amount, float(f"{match[1]}1"))) if match[1] else amount
    return factor if MIN_RATE <= factor <= MAX_RATE else None


def volume_db(value: str, current: float) -> float | None:
    """Decibels from the voice's own volume, or None.

    Decibels and percentages with a sign change the current volume. A number without a sign is
    that of SSML 1.0, from 0 to 100, which is the voice's own.
    """
    value = value.strip()
    if (label := ssml_words()["volume_db"].get(value)) is not None:
        return float(label)
    if match := _DECIBELS.fullmatch(value):
        return min(max(current + float(match[1]), SILENT_DB), MAX_VOLUME_DB)
    match = _RATE.fullmatch(value)
    if match is None or (match[1] and not match[3]):
        return None
    share = float(match[2]) / 100
    if match[1]:
        share = 1 + math.copysign(share, float(f"{match[1]}1"))
    elif share > 1:
        return None
    decibels = 20 * math.log10(share) if share > 0 else SILENT_DB
    return min(max(decibels + (current if match[1] else 0.0), SILENT_DB), MAX_VOLUME_DB)


def pitch(value: str) -> str | None:
    """A pitch in a notation that SSML knows; `""` for the voice's own, None for nonsense."""
    value = value.strip()
    if value == "default":
        return ""
    known = value in ssml_words()["pitch"]["labels"] or _PITCH.fullmatch(value)
    return value if known else None


def emphasis(level: str) -> EmphasisLevel | None:
    """The level, or None."""
    found: dict[str, EmphasisLevel] = {one: one for one in get_args(EmphasisLevel)}
    return found.get(level.strip())


def spelt(text: str) -> str:
    """Its characters with spaces between them, letters in upper case so that they are named."""
    return " ".join("".join(text.split()).upper())


def spelt_digits(text: str) -> str:
    """The text with its digits apart."""
    return re.sub(r"(?<=\d)(?=\d)", " ", text)
