"""Packing: segments become the longest texts that a model takes in one go."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from msgspec import Struct

from stentor.text.markup.marked import Style
from stentor.text.segments import Segment


class Limits(Struct, frozen=True):
    """What fits into one call.

    Attributes:
        max_chars, max_bytes: of the text, in characters and in bytes of UTF-8; None for no limit.
        speakers: how many voices.
    """

    max_chars: int | None = None
    max_bytes: int | None = None
    speakers: int = 1

    def allow(self, text: str) -> bool:
        """Whether a text is short enough."""
        if self.max_chars is not None and len(text) > self.max_chars:
            return False
        return self.max_bytes is None or len(text.encode()) <= self.max_bytes

    @property
    def segment_chars(self) -> int | None:
        """How long a segment may be so that one alone always fits; None for any length."""
        limits = [self.max_chars, self.max_bytes and max(1, self.max_bytes // 4)]
        return min((limit for limit in limits if limit), default=None)


class Chunk(Struct, frozen=True):
    """What is spoken in one call.

    Attributes:
        index: place among the chunks, from 0.
        turns: who says what, in order: voice and text. Neighbours have different voices.
        start, end: where it came from, as those of `Segment`.
        pause_after_ms: silence to leave before the next one.
        segments: what it was packed of.
        offsets: where each of them begins in `text`.
    """

    index: int
    turns: tuple[tuple[str, str], ...]
    start: int
    end: int
    pause_after_ms: int
    segments: tuple[Segment, ...]
    offsets: tuple[int, ...]

    @property
    def text(self) -> str:
        """All that is said."""
        return "".join(text for _, text in self.turns)

    @property
    def style(self) -> Style:
        """How all of it is spoken."""
        return self.segments[0].style

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the caller's text that the non-empty range `[start, end)` of `text` is."""
        return self._source_of(start)[0], self._source_of(end - 1)[1]

    def _source_of(self, index: int) -> tuple[int, int]:
        number = max(0, bisect_right(self.offsets, index) - 1)
        segment, at = self.segments[number], index - self.offsets[number]
        if at >= len(segment.text):  # the white space between two segments
            return segment.end, segment.end
        return segment.span(at, at + 1)


def pack(
    segments: Sequence[Segment],
    limits: Limits,
    *,
    paragraph_ms: int,
    first_chars: Sequence[int] = (),
) -> list[Chunk]:
    """Join neighbours as far as the limits allow, and one style goes.

    A segment that is too long by itself is a chunk by itself.

    Args:
        paragraph_ms: a pause as long as this becomes an empty line within a chunk.
        first_chars: the longest texts of the first chunks, where they are to be shorter.
    """
    groups: list[list[Segment]] = []
    chars = octets = 0
    voices: set[str] = set()
    for segment in segments:
        more_chars, more_bytes = len(segment.text), len(segment.text.encode())
        if groups:
            space = len(_between(groups[-1][-1], segment, paragraph_ms))
            total_chars, total_bytes = chars + space + more_chars, octets + space + more_bytes
            before = groups[-1][-1]
            number = len(groups) - 1
            if (
                before.style == segment.style
                and not before.is_set_off
                and len(voices | {segment.voice}) <= limits.speakers
                and (limits.max_chars is None or total_chars <= limits.max_chars)
                and (number >= len(first_chars) or total_chars <= first_chars[number])
                and (limits.max_bytes is None or total_bytes <= limits.max_bytes)
            ):
                groups[-1].append(segment)
                voices.add(segment.voice)
                chars, octets = total_chars, total_bytes
                continue
        groups.append([segment])
        voices, chars, octets = {segment.voice}, more_chars, more_bytes
    return [_chunk(index, group, paragraph_ms) for index, group in enumerate(groups)]


def _chunk(index: int, group: Sequence[Segment], paragraph_ms: int) -> Chunk:
    offsets: list[int] = []
    turns: list[tuple[str, str]] = []
    length = 0
    for voice, text, is_segment in _texts(group, paragraph_ms):
        if is_segment:
            offsets.append(length)
        length += len(text)
        if turns and turns[-1][0] == voice:
            turns[-1] = (voice, turns[-1][1] + text)
        else:
            turns.append((voice, text))
    last = group[-1]
    return Chunk(
        index,
        tuple(turns),
        group[0].start,
        last.end,
        last.pause_after_ms,
        tuple(group),
        tuple(offsets),
    )


def _texts(group: Sequence[Segment], paragraph_ms: int) -> Iterator[tuple[str, str, bool]]:
    for number, segment in enumerate(group):
        if number:
            before = group[number - 1]
            yield before.voice, _between(before, segment, paragraph_ms), False
        yield segment.voice, segment.text, True


def _between(before: Segment, after: Segment, paragraph_ms: int) -> str:
    """The white space that sets two segments apart."""
    if before.pause_after_ms >= paragraph_ms > 0 and before.voice == after.voice:
        return "\n\n"
    return "" if before.end == after.start else " "
