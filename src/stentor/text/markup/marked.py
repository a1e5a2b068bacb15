"""A text without its markup: what is to be read, where it was written, what was asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from msgspec import Struct

from stentor.contract import InputType
from stentor.text.rewrites import Rewrite

BreakKind = Literal["pause", "heading", "item", "row", "line", "sentence"]
EmphasisLevel = Literal["strong", "moderate", "none", "reduced"]


class BreakMark(NamedTuple):
    """A place where the voice rests.

    Attributes:
        offset: in characters of the text, right after what is read before the silence.
        kind: `pause` was asked for explicitly; `heading` is after a heading, `item` after a list
            item, `row` after the row of a table, `line` at a line break that was meant,
            `sentence` after what was marked as a sentence.
        ms: how long, in milliseconds, from 0; None leaves it to the kind.
    """

    offset: int
    kind: BreakKind
    ms: int | None = None


@dataclass(frozen=True, slots=True)
class Style:
    """How a stretch of text is spoken.

    Attributes:
        voice: the name of a voice, as it was written. SSML 1.1 allows several names with spaces
            between them, the first choice first.
        language: BCP 47 code.
        rate: times the voice's own rate; greater than 0.
        volume_db: change in decibels; `SILENT_DB` for not heard at all.
        pitch: in the notation of SSML: a label from `x-low` to `x-high`, a change such as `+2st`,
            `-10%` or `+20Hz`, or a frequency such as `150Hz`.
        emphasis: as SSML's element of that name.
    """

    voice: str | None = None
    language: str | None = None
    rate: float = 1.0
    volume_db: float = 0.0
    pitch: str | None = None
    emphasis: EmphasisLevel | None = None


class StyleMark(NamedTuple):
    """How `[start, end)` of the text is spoken. Marks are in order and do not overlap."""

    start: int
    end: int
    style: Style


class SayAsMark(NamedTuple):
    """What `[start, end)` of the text is, for those who normalise it.

    Attributes:
        interpret_as: in lower case, such as `date`, `telephone` or `currency`.
        format, detail: as written; None if left out.
    """

    start: int
    end: int
    interpret_as: str
    format: str | None = None
    detail: str | None = None


class NamedMark(NamedTuple):
    """A place in the text that the caller named."""

    offset: int
    name: str


class HeadingMark(NamedTuple):
    """A heading at `[start, end)` of the text. `level` is 1 to 6; `title` is one line."""

    start: int
    end: int
    level: int
    title: str


class Spans:
    """The way from a text back to the text it was made of.

    Args:
        pieces: stretches of the text in order, without gaps from 0 on: `(start, source, length)`,
            where the piece begins, where the source of it begins and how long that is. Sources
            are in order and do not overlap. A piece as long as its source is that source,
            character by character; in any other the characters share the source in proportion.
        end: length of the text.
    """

    __slots__ = ("_end", "_lengths", "_sources", "_starts")

    def __init__(self, pieces: Sequence[tuple[int, int, int]], end: int) -> None:
        self._starts = [piece[0] for piece in pieces]
        self._sources = [piece[1] for piece in pieces]
        self._lengths = [piece[2] for piece in pieces]
        self._end = end

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the source that `[start, end)` of the text stands for.

        Later ranges give later ranges, and disjoint ones disjoint ones. What has no source of its
        own, such as the empty line between two paragraphs, gives an empty range, and so does an
        empty range.

        Raises:
            ValueError: the range is not in the text.
        """
        if not 0 <= start <= end <= self._end:
            raise ValueError(f"[{start}, {end}) is not in a text of {self._end} characters")
        if start == end:
            at = self._edge(start, start)
            return at, at
        return self._edge(start, start), self._edge(end, end - 1)

    def _edge(self, offset: int, inside: int) -> int:
        """Where an edge is in the source, as an edge of the piece that holds `inside`."""
        index = bisect_right(self._starts, inside) - 1
        if index < 0:
            return 0
        following = index + 1
        piece_end = self._starts[following] if following < len(self._starts) else self._end
        start, source, length = self._starts[index], self._sources[index], self._lengths[index]
        if start == piece_end:
            return source
        return source + (offset - start) * length // (piece_end - start)


class Marked(Struct, frozen=True):
    """What a caller's input says, and how.

    Attributes:
        text: plain text with empty lines between paragraphs, as `plan` takes it. List items
            begin with a bullet or number, thematic breaks are rows of ornaments.
        spans: from `text` back to the input.
        kind: what the input was; never `auto`.
        rewrites: what is said instead of ranges of `text`; in order, without overlaps.
        breaks, named: in order of their offset.
        styles, say_as, headings: in order, without overlaps.
        warnings: what was read without its markup, or not read, in sentences.
    """

    text: str
    spans: Spans
    kind: InputType
    rewrites: tuple[Rewrite, ...] = ()
    breaks: tuple[BreakMark, ...] = ()
    styles: tuple[StyleMark, ...] = ()
    say_as: tuple[SayAsMark, ...] = ()
    named: tuple[NamedMark, ...] = ()
    headings: tuple[HeadingMark, ...] = ()
    warnings: tuple[str, ...] = ()

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """`[start, end)` of `text`, as a range of the caller's input."""
        return self.spans.span(start, end)


SILENT_DB = -96.0
"""The floor of 16-bit sound."""
