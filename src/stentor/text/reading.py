"""A caller's input as it is to be read: without its markup, but with what that asked for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from msgspec import Struct

from stentor.contract import InputType
from stentor.text.markup.marked import (
    BreakMark,
    HeadingMark,
    Marked,
    NamedMark,
    Style,
    StyleMark,
)
from stentor.text.markup.read import read_markup
from stentor.text.rewrites import Rewrite, Rewritten, merged
from stentor.text.say_as import said_as

PLAIN = Style()


class Reading(Struct, frozen=True):
    """What is read, and the way back to what was written.

    Attributes:
        text: plain text, to be planned.
        kind: what the input was.
        given: what is said of stretches of `text`, as the markup has it; in order, without
            overlaps.
        breaks, styles, headings, named: those of the markup, in characters of `text`.
        warnings: what was read without its markup, or not read, in sentences.
    """

    text: str
    kind: InputType = "text"
    given: tuple[Rewrite, ...] = ()
    breaks: tuple[BreakMark, ...] = ()
    styles: tuple[StyleMark, ...] = ()
    headings: tuple[HeadingMark, ...] = ()
    warnings: tuple[str, ...] = ()
    named: tuple[NamedMark, ...] = ()
    _marked: Marked | None = None
    _rewritten: Rewritten | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the text is the caller's own, to the letter, and nothing else was asked for."""
        return self._marked is None and not (
            self.given or self.breaks or self.styles or self.headings
        )

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the caller's input that the non-empty range `[start, end)` of `text` is."""
        if self._rewritten is not None:
            start, end = self._rewritten.span(start, end)
        if self._marked is not None:
            start, end = self._marked.source_span(start, end)
        return start, end

    def style_at(self, offset: int) -> Style:
        """How the character at this place is spoken."""
        number = bisect_right(self.styles, offset, key=lambda mark: mark.start) - 1
        if number >= 0 and offset < self.styles[number].end:
            return self.styles[number].style
        return PLAIN

    def boundaries(self) -> list[int]:
        """Where one stretch of speech must end and another begin, ascending."""
        edges = {edge for mark in self.styles for edge in (mark.start, mark.end)}
        return sorted(edges.union(mark.offset for mark in self.breaks))

    def break_after(self, start: int, end: int) -> Sequence[BreakMark]:
        """The breaks that follow what is read of `[start, end)`, up to the next thing read."""
        first = bisect_right(self.breaks, start, key=lambda mark: mark.offset)
        last = bisect_right(self.breaks, end, key=lambda mark: mark.offset)
        return self.breaks[first:last]

    def given_in(self, start: int, end: int) -> Sequence[Rewrite]:
        """What is given of stretches that lie within `[start, end)`."""
        first = bisect_left(self.given, start, key=lambda one: one.start)
        last = bisect_right(self.given, end, key=lambda one: one.end)
        return self.given[first:last]


def read(source: str, input_type: InputType = "auto", language: str = "en") -> Reading:
    """Read an input of some kind. Takes time in proportion to its length.

    Args:
        language: BCP 47 code, for what the markup wants to be read as a number, a date and so on.

    Raises:
        SpeechError: 400: what is wrong with it, and where.
    """
    marked = read_markup(source, input_type)
    said = [one for one in marked.rewrites if one.phonemes is None]
    hinted = [
        one for one in (said_as(mark, marked.text, language) for mark in marked.say_as) if one
    ]
    given = merged([one for one in marked.rewrites if one.phonemes is not None], hinted)
    plain = marked.kind == "text" and not marked.breaks
    if not said:
        return Reading(
            marked.text,
            marked.kind,
            tuple(given),
            marked.breaks,
            marked.styles,
            marked.headings,
            marked.warnings,
            marked.named,
            None if plain else marked,
        )
    moved = _Moved(said)
    return Reading(
        (rewritten := Rewritten(marked.text, said)).text,
        marked.kind,
        tuple(one._replace(start=moved.to(one.start), end=moved.to(one.end)) for one in given),
        tuple(mark._replace(offset=moved.to(mark.offset)) for mark in marked.breaks),
        tuple(
            mark._replace(start=moved.to(mark.start), end=moved.to(mark.end))
            for mark in marked.styles
        ),
        tuple(
            mark._replace(start=moved.to(mark.start), end=moved.to(mark.end))
            for mark in marked.headings
        ),
        marked.warnings,
        tuple(mark._replace(offset=moved.to(mark.offset)) for mark in marked.named),
        None if plain else marked,
        rewritten,
    )


class _Moved:
    """Where offsets are after some rewrites. One within a rewrite is at its end."""

    def __init__(self, rewrites: Sequence[Rewrite]) -> None:
        self._rewrites = rewrites
        self._after: list[int] = []
        gained = 0
        for one in rewrites:
            gained += len(one.text) - (one.end - one.start)
            self._after.append(gained)

    def to(self, offset: int) -> int:
        number = bisect_left(self._rewrites, offset, key=lambda one: one.start)
        if number and offset < self._rewrites[number - 1].end:
            offset = self._rewrites[number - 1].end
        return offset + (self._after[number - 1] if number else 0)
