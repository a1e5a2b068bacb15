"""Text made ready for a voice, every character of which knows where it came from."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from stentor.text.characters import INVISIBLE, JOINERS

# Marks of emphasis have a word on one side at most: `_like_ *this*`, but not `snake_case` and
# not `5 * 3`.
_EMPHASIS = r"(?<![^\W_])_+|_+(?![^\W_])|(?<![^\W_])\*+(?=\S)|(?<=\S)\*+(?![^\W_])"
_LOOSE_JOINER = rf"(?<!\S)[{JOINERS}]|[{JOINERS}](?!\S)"
# A plain space before a plain character, which is nearly every space, is left alone for speed.
_UNSPOKEN = re.compile(
    rf"(?=[\s_*{JOINERS}{INVISIBLE}])(?! [^\s_*{JOINERS}{INVISIBLE}])"
    rf"(?:[\s{INVISIBLE}]|{_EMPHASIS}|{_LOOSE_JOINER})+"
)
_WHITESPACE = re.compile(r"\s")


class Spanned:
    """One line of text and the way back from it to the text it was made of.

    Args:
        source: what the caller wrote.
        ranges: the parts to take, in order, each `[start, end)` and not empty, with whether a
            space sets it off from the part before it.

    Attributes:
        text: the parts without emphasis marks and invisible characters, white space collapsed
            to single spaces.
    """

    __slots__ = ("_sources", "_starts", "text")

    def __init__(self, source: str, ranges: Iterable[tuple[int, int, bool]]) -> None:
        self._starts: list[int] = []
        self._sources: list[int] = []
        kept: list[str] = []
        length = 0

        def add(piece: str, offset: int) -> None:
            nonlocal length
            if not piece or (piece == " " and (not kept or kept[-1] == " ")):
                return
            kept.append(piece)
            self._starts.append(length)
            self._sources.append(offset)
            length += len(piece)

        previous_end = 0
        for start, end, set_off in ranges:
            if set_off:
                add(" ", previous_end)
            position = start
            for match in _UNSPOKEN.finditer(source, start, end):
                add(source[position : match.start()], position)
                if _WHITESPACE.search(match.group()):
                    add(" ", match.start())
                position = match.end()
            add(source[position:end], position)
            previous_end = end
        self.text = "".join(kept)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the source that the non-empty range `[start, end)` of `text` came from."""
        return self._source_of(start), self._source_of(end - 1) + 1

    def index_of(self, offset: int, start: int, end: int) -> int:
        """The first place in `[start, end)` of `text` that came from `offset` on; `end` if none."""
        return bisect_left(range(end), offset, start, key=self._source_of)

    def _source_of(self, index: int) -> int:
        piece = bisect_right(self._starts, index) - 1
        return self._sources[piece] + index - self._starts[piece]
