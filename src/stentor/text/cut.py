"""Cutting a sentence that is too long where a reader would take a breath."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stentor.text.breaks import Break
from stentor.text.characters import CLOSERS, splits_character

_CLOSING = f"[{re.escape(CLOSERS)}]{{0,3}}"
_LOOKAHEAD_CHARS = 16

# Each pattern ends where the cut is. A full stop counts after a word of four letters at least,
# because the shorter ones may be abbreviations.
_PLACES: tuple[tuple[re.Pattern[str], Break], ...] = (
    (
        re.compile(
            rf"(?:(?<=\w{{4}})\.|[!?…؟۔]){_CLOSING}(?=\s)|[。！？｡।॥]{_CLOSING}(?![。！？｡।॥])"
        ),
        Break.SENTENCE,
    ),
    (
        re.compile(
            rf"[;:,،؛]{_CLOSING}(?=\s)|[；：，、]{_CLOSING}|(?:—|–(?!\d)|--+)(?:{_CLOSING}(?=\s))?"
        ),
        Break.CLAUSE,
    ),
    (
        re.compile(
            r"(?=\s(?:and|or|but|nor|so|yet|because|although|though|while|when|where|which|who"
            r"|that|if|as|than|then)\s)"
        ),
        Break.NONE,
    ),
    (re.compile(r"(?=\s)"), Break.NONE),
)


def cut(
    text: str, start: int, end: int, max_chars: int, break_after: Break
) -> Iterator[tuple[int, int, Break]]:
    """Take `[start, end)` of a one-line text apart into pieces of at most `max_chars` characters.

    Pieces are trimmed, not empty, and of similar length; each comes with the break after it,
    the last with `break_after`. A cut without punctuation has `Break.NONE`.
    """
    start, end = _trim(text, start, end)
    while end - start > max_chars:
        at, boundary = _best_cut(text, start, end, max_chars)
        yield *_trim(text, start, at), boundary
        start, _ = _trim(text, at, end)
    if start < end:
        yield start, end, break_after


def _best_cut(text: str, start: int, end: int, max_chars: int) -> tuple[int, Break]:
    pieces = -(-(end - start) // max_chars)
    target = start + -(-(end - start) // pieces)
    nearest = start + max(1, (target - start) // 2)
    limit = start + max_chars
    seen = min(end, limit + _LOOKAHEAD_CHARS)
    for pattern, boundary in _PLACES:
        places = [
            match.end()
            for match in pattern.finditer(text, nearest - 1, seen)
            if nearest <= match.end() <= limit
        ]
        if places:
            return min(places, key=lambda place: abs(place - target)), boundary
    for place in (*range(target, nearest - 1, -1), *range(target + 1, limit + 1)):
        if not splits_character(text, place):
            return place, Break.NONE
    return limit, Break.NONE


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] == " ":
        start += 1
    while end > start and text[end - 1] == " ":
        end -= 1
    return start, end
