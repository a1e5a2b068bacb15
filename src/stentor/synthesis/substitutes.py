"""A part of a text that another target speaks: its pieces back in their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from stentor.synthesis.failures import Part
from stentor.synthesis.voices import Voiced
from stentor.text.markup.marked import Style, StyleMark
from stentor.text.pack import Chunk
from stentor.text.reading import PLAIN, Reading
from stentor.text.segments import Segment


class PartTurn(NamedTuple):
    """What one voice says of a part, and where that begins in the part's text."""

    text: str
    voice: str
    offset: int
    style: Style

    @property
    def reading(self) -> Reading:
        """What there is to read, in its style."""
        if self.style == PLAIN:
            return Reading(self.text)
        return Reading(self.text, styles=(StyleMark(0, len(self.text), self.style),))


def turns(part: Part) -> Iterator[PartTurn]:
    """Who says what in a part."""
    if isinstance(part, Chunk):
        offset = 0
        for voice, text in part.turns:
            yield PartTurn(text, voice, offset, part.style)
            offset += len(text)
    else:
        assert isinstance(part, Segment)
        yield PartTurn(part.text, part.voice, 0, part.style)


def placed(voiced: Voiced, part: Part, offset: int) -> Voiced:
    """A piece that was spoken of a part's text from `offset` on, in the caller's terms."""
    assert isinstance(part, Chunk | Segment)
    source = (
        one._replace(start=start, end=end)
        for one in voiced.source
        for start, end in [part.span(offset + one.start, offset + one.end)]
    )
    _, end = part.span(offset, offset + max(1, voiced.end))
    return replace(voiced, part=part, end=end, source=tuple(source))


def ending_as(spoken: Sequence[Voiced], part: Part) -> list[Voiced]:
    """The pieces of a part, the last one with the part's own pause."""
    *others, last = spoken
    return [*others, replace(last, end=part.end, pause_after_ms=part.pause_after_ms)]
