"""From the words and characters that a vendor timed to their places in the text that was sent.

A vendor may leave something out, spell a number, or change a quotation mark. What is not found a
little ahead is skipped, so that the rest still fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from stentor.providers.wire import Timing

# How far ahead something is looked for, and how much further for each word that was not found.
_REACH = 64
_REACH_PER_SKIPPED = 24
# Characters of a vendor's that must fit at once where the text was left.
_SURE = 3
# Scripts from here on are written without spaces between words, or with endings on them.
_UNSPACED = 0x0E00
_EDGES = re.compile(r"^\W+|\W+$")


def word_timings(text: str, words: Iterable[tuple[str, float, float]]) -> tuple[Timing, ...]:
    """Place words in a text.

    Args:
        words: each with its start and end in seconds, in order. Those without a letter or a digit
            are left out.
    """
    timings: list[Timing] = []
    folded = text.lower()
    if len(folded) != len(text):
        folded = text
    at = skipped = 0
    for word, start_s, end_s in words:
        bare = _EDGES.sub("", word)
        if not bare:
            continue
        reach = _REACH + skipped * _REACH_PER_SKIPPED
        found = _find(folded, bare.lower() if folded is not text else bare, at, reach)
        if found < 0:
            skipped += 1
            continue
        skipped = 0
        at = found + len(bare)
        _append(timings, found, at, start_s, end_s)
    return tuple(timings)


def character_timings(
    text: str, characters: Sequence[str], starts_s: Sequence[float], ends_s: Sequence[float]
) -> tuple[Timing, ...]:
    """Place characters in a text.

    Args:
        starts_s, ends_s: of each character, in seconds.

    Raises:
        ValueError: there are not as many times as characters.
    """
    timings: list[Timing] = []
    at = 0
    for number, (character, start_s, end_s) in enumerate(
        zip(characters, starts_s, ends_s, strict=True)
    ):
        found = at
        if not character:
            continue
        if not text.startswith(character, at):
            ahead = "".join(characters[number : number + _SURE])
            found = text.find(ahead, at, at + _REACH)
            if found < 0:
                # One for one: the next one fits again, behind the one that was replaced.
                at += text.startswith(tuple(characters[number + 1 : number + 2]), at + 1)
                continue
        at = found + len(character)
        _append(timings, found, at, start_s, end_s)
    return tuple(timings)


def _find(text: str, word: str, at: int, reach: int) -> int:
    """Where a word is, from `at` on, and not as a part of a longer one; -1: it is not there."""
    limit = at + reach + len(word)
    found = text.find(word, at, limit)
    while found >= 0 and (
        _joined(text, found - 1, found) or _joined(text, found + len(word) - 1, found + len(word))
    ):
        found = text.find(word, found + 1, limit)
    return found


def _joined(text: str, left: int, right: int) -> bool:
    """Whether two neighbours are of one word."""
    return (
        left >= 0
        and right < len(text)
        and all(text[at].isalnum() and ord(text[at]) < _UNSPACED for at in (left, right))
    )


def _append(timings: list[Timing], start: int, end: int, start_s: float, end_s: float) -> None:
    begin_ms = max(round(start_s * 1000), timings[-1].end_ms if timings else 0)
    timings.append(Timing(start, end, begin_ms, max(begin_ms, round(end_s * 1000))))
