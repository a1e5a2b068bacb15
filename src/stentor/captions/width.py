"""How wide text is on a screen, in columns: one for a letter, two for an ideograph."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from stentor.text.characters import splits_character

# Scripts that are written without spaces: Thai and Lao, Myanmar, Khmer, and all that is wide.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")


def width(text: str) -> int:
    """Columns; combining marks and invisible characters take none (UAX #11)."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def is_unspaced(character: str) -> bool:
    """Whether the character's script has no spaces between words, so that lines end anywhere."""
    return _width(character) == 2 or _UNSPACED.match(character) is not None


def slices(text: str, limit: int) -> Iterator[str]:
    """Cut a word into parts of at most `limit` columns, as even as can be.

    A character that a reader sees as one stays whole, as far as it fits.
    """
    target = -(-width(text) // -(-width(text) // limit))
    start, columns, place = 0, 0, 0
    for index, character in enumerate(text):
        if index > start and not splits_character(text, index):
            place = index
        over = columns + _width(character) > limit
        if over or (columns >= target and place == index > start):
            cut = place if place > start else index
            yield text[start:cut]
            start = cut
            columns = width(text[start:index])
        columns += _width(character)
    yield text[start:]


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
