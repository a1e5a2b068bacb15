"""What is spoken in one go, and the silences between."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from stentor.text.breaks import Break
from stentor.text.markup.marked import BreakMark, Style
from stentor.text.reading import PLAIN, Reading
from stentor.text.said import Pronounced, Said
from stentor.text.spanned import Spanned


@dataclass(frozen=True, slots=True)
class Segment:
    """What is spoken in one go.

    Attributes:
        index: place in the plan, from 0.
        text: what the voice is given: one line, white space collapsed, with at least one
            speakable character.
        start, end: where it came from, `[start, end)` in characters of the caller's text.
            Segments are in order and do not overlap.
        voice: who speaks it.
        pause_after_ms: silence to leave before the next segment; 0 after the last one and where
            a sentence without punctuation was cut.
        style: how it is spoken.
        pronounced: stretches of `text` with a pronunciation.
        is_set_off: whether the silence after it was asked for, so that no voice may choose its own.
        origin: the way back from `text`; None where it is the caller's own from `start` on.
    """

    index: int
    text: str
    start: int
    end: int
    voice: str
    pause_after_ms: int
    style: Style = PLAIN
    pronounced: tuple[Pronounced, ...] = ()
    is_set_off: bool = False
    origin: Origin | None = field(default=None, compare=False, repr=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the caller's text that the non-empty range `[start, end)` of `text` is."""
        if self.origin is None:
            return self.start + start, self.start + end
        return self.origin.span(start, end)

    def moved(self, index: int, characters: int) -> Segment:
        """The segment as one of a longer text, with so many segments and characters before it."""
        origin = self.origin
        return replace(
            self,
            index=self.index + index,
            start=self.start + characters,
            end=self.end + characters,
            origin=origin and replace(origin, shift=origin.shift + characters),
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a segment's text came from: `passage.text` from `offset` on, as it is said.

    Attributes:
        shift: where what was read begins, in characters of the caller's text.
    """

    reading: Reading
    passage: Spanned
    offset: int
    said: Said
    shift: int = 0

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the caller's text that the non-empty range `[start, end)` came from."""
        first, last = self._read(start, end)
        return first + self.shift, last + self.shift

    def _read(self, start: int, end: int) -> tuple[int, int]:
        if self.said.rewritten is not None:
            start, end = self.said.rewritten.span(start, end)
        if start < end:
            return self.reading.span(*self.passage.span(self.offset + start, self.offset + end))
        # Put in between, it has no characters of its own.
        before = max(start, 1) - 1
        _, at = self.reading.span(
            *self.passage.span(self.offset + before, self.offset + before + 1)
        )
        return at, at


@dataclass(frozen=True, slots=True)
class Pauses:
    """Silence between segments, in milliseconds.

    Attributes:
        sentence_ms: after a sentence, and after a line that ends like one.
        clause_ms: inside a sentence that was cut, and after a line of verse that goes on.
        paragraph_ms: at a blank line.
        section_ms: at a row of ornaments, or at three and more blank lines.
        heading_ms: after a heading of marked-up text.
        item_ms: after an item of a list of marked-up text.
    """

    sentence_ms: int = 350
    clause_ms: int = 120
    paragraph_ms: int = 700
    section_ms: int = 1200
    heading_ms: int = 1000
    item_ms: int = 500

    def after(self, boundary: Break) -> int:
        """The silence that a break stands for, in milliseconds."""
        silence = (
            0,
            self.clause_ms,
            self.sentence_ms,
            self.paragraph_ms,
            self.section_ms,
        )
        return silence[boundary]

    def of_mark(self, mark: BreakMark) -> int:
        """The silence that a break of the markup stands for, in milliseconds."""
        if mark.ms is not None:
            return mark.ms
        return {
            "heading": self.heading_ms,
            "item": self.item_ms,
            "line": self.clause_ms,
        }.get(mark.kind, self.sentence_ms)


DEFAULT_PAUSES = Pauses()
