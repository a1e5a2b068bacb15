"""Where sentences end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sentencex

from stentor.text.characters import CLOSERS

WINDOW_CHARS = 4000
"""How much is looked at together: the boundary finder's time can grow with the square of it."""

_CLOSERS = re.escape(CLOSERS)
_CLOSING = re.compile(rf"\s?[{_CLOSERS}]{{1,4}}(?=\s|$)")
_OPENING = re.compile(r"\s[\"'`“‘«(\[]{1,2}(?=\S)")
_LOWER_CASE = re.compile(r"\s*[^\w\s]{0,3}([^\W\d_])")
_NUMBERING = re.compile(r"\(?\w{1,2}[.)]\s*")


def sentences(text: str, language: str, max_chars: int) -> Iterator[tuple[int, int]]:
    """Cover one line of text with sentences, as `[start, end)`, none of them empty.

    A closing quotation mark belongs to the sentence before it. What begins in lower case goes on
    with the sentence before it, if both together have at most `max_chars` characters.

    Args:
        language: ISO 639-1 code; one that is not known is read by the rules of English.
    """
    start = end = 0
    for found in _boundaries(text, language):
        if found <= end:
            continue
        if start < end and not (found - start <= max_chars and _goes_on(text, start, end)):
            yield start, end
            start = end
        end = _settle_quotation_marks(text, end, found)
    if start < end:
        yield start, end


def _settle_quotation_marks(text: str, previous: int, boundary: int) -> int:
    """Move a boundary so that closing marks are before it and opening marks behind it."""
    if closing := _CLOSING.match(text, boundary):
        return closing.end()
    for opening in _OPENING.finditer(text, max(previous, boundary - 3), boundary + 1):
        if opening.end() == boundary:
            return opening.start() + 1
    return boundary


def _goes_on(text: str, start: int, end: int) -> bool:
    first = _LOWER_CASE.match(text, end)
    if first and first.group(1).islower():
        return True
    return start == 0 and _NUMBERING.fullmatch(text, start, end) is not None


def _boundaries(text: str, language: str) -> Iterator[int]:
    position = 0
    while position < len(text):
        window = text[position : position + WINDOW_CHARS]
        ends = [position + end for end in _window_boundaries(window, language)]
        position += len(window)
        if position < len(text):
            # The window's last sentence may go on: look at it again from its beginning. One
            # that fills the window goes on in any case.
            ends.pop()
            if ends:
                position = ends[-1]
        yield from ends


def _window_boundaries(window: str, language: str) -> list[int]:
    try:
        found = sentencex.get_sentence_boundaries(language, window)
    except BaseException as error:
        # A panic in the Rust library is no Exception, and its class cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        return [len(window)]
    return [boundary["end_index"] for boundary in found]
