"""Words of marked-up text, as captions show them: without the markup."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from stentor.contract import Word
from stentor.text.reading import Reading

_WORD = re.compile(r"\S*\w\S*")


def words_in(reading: Reading, words: Sequence[Word]) -> list[Word]:
    """The words with their places in the reading's text, and as they stand there.

    Args:
        words: with their places in the caller's own text, in order.
    """
    places = [
        (*reading.span(*found.span()), *found.span()) for found in _WORD.finditer(reading.text)
    ]
    starts = [place[0] for place in places]
    moved: list[Word] = []
    for word in words:
        first = bisect_left(starts, word.char_start)
        last = bisect_left(starts, word.char_end)
        if first < last:
            start, end = places[first][2], places[last - 1][3]
            shown = reading.text[start:end]
            moved.append(msgspec.structs.replace(word, text=shown, char_start=start, char_end=end))
    return moved
