"""Saying something else than what is written, without losing where it was written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Rewrite(NamedTuple):
    """What is said in place of the characters `[start, end)` of a text.

    Attributes:
        start, end: in characters of the text; equal for what is put in between.
        text: what is said instead; empty for nothing.
        phonemes: how it is pronounced, in IPA; None to leave that to the voice.
    """

    start: int
    end: int
    text: str
    phonemes: str | None = None


class Rewritten:
    """A text after its rewrites, and the way back.

    Args:
        source: the text before.
        rewrites: in order, without overlaps.

    Attributes:
        text: what is said.

    Raises:
        ValueError: the rewrites overlap, are not in order or not in the text.
    """

    __slots__ = ("_ends", "_exact", "_sources", "_starts", "text")

    def __init__(self, source: str, rewrites: Iterable[Rewrite]) -> None:
        self._starts: list[int] = []
        self._sources: list[int] = []
        self._ends: list[int] = []
        self._exact: list[bool] = []
        parts: list[str] = []
        length = position = 0

        def add(text: str, start: int, end: int, exact: bool) -> None:
            nonlocal length
            if text:
                parts.append(text)
                self._starts.append(length)
                self._sources.append(start)
                self._ends.append(end)
                self._exact.append(exact)
                length += len(text)

        for rewrite in rewrites:
            if not position <= rewrite.start <= rewrite.end <= len(source):
                raise ValueError(f"rewrite out of order or out of the text: {rewrite}")
            add(source[position : rewrite.start], position, rewrite.start, True)
            add(rewrite.text, rewrite.start, rewrite.end, False)
            position = rewrite.end
        add(source[position:], position, len(source), True)
        self.text = "".join(parts)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the source that `[start, end)` of `text`, which is not empty, stands for.

        Characters that were not rewritten stand for themselves, those of a rewrite for all that it
        replaced.
        """
        first, _ = self._of(start)
        _, last = self._of(end - 1)
        return first, max(first, last)

    def _of(self, index: int) -> tuple[int, int]:
        piece = bisect_right(self._starts, index) - 1
        if not self._exact[piece]:
            return self._sources[piece], self._ends[piece]
        at = self._sources[piece] + index - self._starts[piece]
        return at, at + 1


def merged(*layers: Sequence[Rewrite]) -> list[Rewrite]:
    """The rewrites of several sources in one order; where they overlap, the earlier layer wins."""
    taken: list[Rewrite] = []
    for layer in layers:
        free = [one for one in layer if not _overlaps(taken, one)]
        taken = sorted([*taken, *free], key=lambda one: (one.start, one.end))
    return taken


def _overlaps(taken: Sequence[Rewrite], one: Rewrite) -> bool:
    at = bisect_right(taken, one.start, key=lambda other: other.start)
    before = at > 0 and taken[at - 1].end > one.start
    after = at < len(taken) and taken[at].start < one.end
    same = at > 0 and taken[at - 1][:2] == one[:2]
    return before or after or same
