"""Writing a marked text, piece by piece, in the order of its source."""

from __future__ import annotations

import re
from bisect import bisect_left
from enum import IntEnum

from stentor.contract import InputType
from stentor.text.markup.marked import (
    BreakKind,
    BreakMark,
    HeadingMark,
    Marked,
    NamedMark,
    SayAsMark,
    Spans,
    Style,
    StyleMark,
)
from stentor.text.rewrites import Rewrite

WHITE_SPACE = " \t\n\r\f"
"""What HTML and XML take for white space between words."""
MAX_WARNINGS = 50

# White space in the middle that is not a single plain space.
_IRREGULAR = re.compile(rf"(?=[{WHITE_SPACE}])(?! [^{WHITE_SPACE}])[{WHITE_SPACE}]+")


class Gap(IntEnum):
    """What sets the next characters off, weakest first."""

    NONE = 0
    SPACE = 1
    LINE = 2
    PARAGRAPH = 3


_SEPARATORS = ".,;:!?"
_WRITTEN = {Gap.SPACE: " ", Gap.LINE: "\n", Gap.PARAGRAPH: "\n\n"}


class Builder:
    """A marked text in the making.

    Everything is added in the order of the source. White space and line ends are kept back until
    something visible follows them, so that a text neither begins nor ends with any.

    Args:
        source: what the caller wrote.

    Attributes:
        length: of the text so far, without what is kept back.
        style: how what follows is spoken.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.length = 0
        self._parts: list[str] = []
        self._part_starts: list[int] = []
        self._pieces: list[tuple[int, int, int]] = []
        self._source_end = 0
        self._gap = Gap.NONE
        self._gap_source = (0, 0)
        self._prefix: tuple[str, int, int] | None = None
        self._counted = (0, 1)
        self._row_start = 0
        self._is_next_cell = False
        self.style = Style()
        self._run_style = self.style
        self._run_start = 0
        self._styles: list[StyleMark] = []
        self._rewrites: list[Rewrite] = []
        self._breaks: list[BreakMark] = []
        self._say_as: list[SayAsMark] = []
        self._named: list[NamedMark] = []
        self._headings: list[tuple[int, int, int]] = []
        self._warnings: dict[str, None] = {}

    def add(self, start: int, end: int) -> None:
        """Take `[start, end)` of the source as it is."""
        if start < end:
            self._open()
            self._append(self.source[start:end], start, end)

    def flow(self, start: int, end: int) -> None:
        """Take `[start, end)` of the source, each run of white space as one space."""
        text = self.source[start:end]
        first = end - len(text.lstrip(WHITE_SPACE))
        if first == end:
            if start < end:
                self.space(start, end)
            return
        last = start + len(text.rstrip(WHITE_SPACE))
        if start < first:
            self.space(start, first)
        position = first
        for run in _IRREGULAR.finditer(self.source, first, last):
            self.add(position, run.start())
            self.space(*run.span())
            position = run.end()
        self.add(position, last)
        if last < end:
            self.space(last, end)

    def insert(self, text: str, start: int, end: int) -> None:
        """Put in a text that stands for `[start, end)` of the source."""
        if text and text in WHITE_SPACE:
            self.space(start, end)
        elif text:
            self._open()
            self._append(text, start, end)

    def space(self, start: int, end: int) -> None:
        """Set what follows off by a space, which stands for `[start, end)` of the source."""
        if self._gap is Gap.NONE:
            self._gap = Gap.SPACE
            self._gap_source = (start, end)

    def line(self) -> None:
        """Begin a line with what follows."""
        self._gap = max(self._gap, Gap.LINE)

    def paragraph(self) -> None:
        """Begin a paragraph with what follows."""
        self._gap = Gap.PARAGRAPH

    def newline(self) -> None:
        """Break the line; twice in a row, begin a paragraph."""
        self.pause("line")
        self._gap = Gap.LINE if self._gap < Gap.LINE else Gap.PARAGRAPH

    def prefix(self, text: str, start: int, end: int) -> None:
        """Write a bullet or number, which stands for `[start, end)`, before what follows."""
        self._prefix = (text, start, end)

    def drop_prefix(self) -> None:
        """Forget a prefix that nothing followed."""
        self._prefix = None

    def row(self) -> None:
        """Begin the row of a table."""
        self.paragraph()
        self._row_start = self.length
        self._is_next_cell = False

    def cell(self) -> None:
        """Set what follows off from the cell before it, whatever else might set it off."""
        self._is_next_cell = self.length > self._row_start

    def end_row(self) -> None:
        """End the row of a table."""
        self._is_next_cell = False
        if self.length > self._row_start:
            self.pause("row")
        self.paragraph()

    def settle(self) -> int:
        """Write what was kept back; returns where the next character will be."""
        at = self._source_end
        if self._is_next_cell:
            self._is_next_cell = False
            self._append(" " if self._parts[-1][-1] in _SEPARATORS else ", ", at, at)
        elif self._parts and self._gap and not (self._gap is Gap.SPACE and self._ends_in_space()):
            source = self._gap_source if self._gap is Gap.SPACE else (at, at)
            self._append(_WRITTEN[self._gap], *source)
        self._gap = Gap.NONE
        if self._prefix:
            prefix, self._prefix = self._prefix, None
            self._append(*prefix)
        return self.length

    def _first_visible(self, since: int) -> int:
        """Where the text added since a place begins, behind what set it off."""
        index = bisect_left(self._part_starts, since)
        is_gap = index < len(self._parts) and self._parts[index] in _WRITTEN.values()
        return since + len(self._parts[index]) if is_gap else since

    def _ends_in_space(self) -> bool:
        return self._parts[-1][-1].isspace()

    def pause(self, kind: BreakKind, ms: int | None = None) -> None:
        """Mark a break after what has been added."""
        mark = BreakMark(self.length, kind, ms)
        if kind == "pause" or (self.length and mark not in self._breaks[-4:]):
            self._breaks.append(mark)

    def name(self, name: str) -> None:
        """Mark the place of what follows."""
        self._named.append(NamedMark(self.length, name))

    def begin(self) -> int:
        """A place to say later that something was added since."""
        return self.settle() if self._prefix else self.length

    def rewrite(self, since: int, text: str, phonemes: str | None = None) -> None:
        """Say something else than what was added since a place."""
        start = self._first_visible(since)
        while self._rewrites and self._rewrites[-1].end > start:
            self._rewrites.pop()
        self._rewrites.append(Rewrite(start, self.length, text, phonemes))

    def say_as(self, since: int, interpret_as: str, how: str | None, detail: str | None) -> None:
        """Tell what it is that was added since a place."""
        start = self._first_visible(since)
        if start < self.length:
            while self._say_as and self._say_as[-1].end > start:
                self._say_as.pop()
            self._say_as.append(SayAsMark(start, self.length, interpret_as, how, detail))

    def heading(self, since: int, level: int) -> None:
        """Make a heading of what was added since a place."""
        start = self._first_visible(since)
        if start < self.length:
            while self._headings and self._headings[-1][1] > start:
                self._headings.pop()
            self._headings.append((start, self.length, level))
            self.pause("heading")

    def text_since(self, since: int) -> str:
        """What was added since a place, without what set it off."""
        return "".join(self._parts[bisect_left(self._part_starts, since) :]).lstrip(WHITE_SPACE)

    def line_number(self, offset: int) -> int:
        """The line of a character of the source, from 1; offsets must not decrease."""
        counted, line = self._counted
        line += self.source.count("\n", counted, offset)
        self._counted = (max(counted, offset), line)
        return line

    def warn(self, message: str) -> None:
        """Tell the caller something, once."""
        self._warnings.setdefault(message)

    def finish(self, kind: InputType) -> Marked:
        """The text."""
        self._end_run()
        text = "".join(self._parts)
        return Marked(
            text=text,
            spans=Spans(self._pieces, len(text)),
            kind=kind,
            rewrites=tuple(self._rewrites),
            breaks=tuple(self._breaks),
            styles=tuple(self._styles),
            say_as=tuple(self._say_as),
            named=tuple(_moved_to_text(text, mark) for mark in self._named),
            headings=tuple(
                HeadingMark(start, end, level, " ".join(text[start:end].split()))
                for start, end, level in self._headings
            ),
            warnings=_shortened(list(self._warnings)),
        )

    def _append(self, text: str, start: int, end: int) -> None:
        # A parser that went back would break the order of the spans.
        start = max(start, self._source_end)
        end = max(end, start)
        if not self._continues(text, start, end):
            self._pieces.append((self.length, start, end - start))
        else:
            piece_start, source, length = self._pieces[-1]
            self._pieces[-1] = (piece_start, source, length + end - start)
        self._parts.append(text)
        self._part_starts.append(self.length)
        self.length += len(text)
        self._source_end = end

    def _continues(self, text: str, start: int, end: int) -> bool:
        """Whether the last piece and this one are one stretch of unchanged characters."""
        if not self._pieces or len(text) != end - start:
            return False
        piece_start, source, length = self._pieces[-1]
        return length == self.length - piece_start and source + length == start

    def _open(self) -> None:
        """Get ready for something visible."""
        if self.style == self._run_style:
            self.settle()
        else:
            self._end_run()
            self._run_start = self.settle()

    def _end_run(self) -> None:
        start, end = self._run_start, self.length
        if start < end and self._run_style != Style():
            self._styles.append(StyleMark(start, end, self._run_style))
        self._run_start = end
        self._run_style = self.style


def _moved_to_text(text: str, mark: NamedMark) -> NamedMark:
    offset = mark.offset
    while offset < len(text) and text[offset] in WHITE_SPACE:
        offset += 1
    return NamedMark(offset, mark.name)


def _shortened(warnings: list[str]) -> tuple[str, ...]:
    if len(warnings) <= MAX_WARNINGS:
        return tuple(warnings)
    left_out = len(warnings) - MAX_WARNINGS
    return (*warnings[:MAX_WARNINGS], f"and {left_out} more of the same kinds")
