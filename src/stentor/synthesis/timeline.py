"""From the timings of single calls to those of the whole text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stentor.contract import Alignment, AlignmentSource, SpeechMark, Word
from stentor.synthesis.values import Timings
from stentor.text.reading import Reading

_WORD = re.compile(r"\S*\w\S*")


class Timed(NamedTuple):
    """The characters `[start, end)` of a text, and when they are heard.

    Attributes:
        start_ms, end_ms: from the beginning of the audio.
    """

    start: int
    end: int
    start_ms: float
    end_ms: float


class Told(NamedTuple):
    """What one call said, and when.

    Attributes:
        text: what was said.
        spoken: timings in it.
        source: the same timings in the caller's text.
    """

    text: str
    spoken: Sequence[Timed]
    source: Sequence[Timed]


class Timeline:
    """Collects timings in the order of the text."""

    def __init__(self) -> None:
        self._source: list[Timed] = []
        self._spoken: list[Timed] = []
        self._texts: list[str] = []
        self._length = 0

    def add(self, text: str, spoken: Sequence[Timed], source: Sequence[Timed]) -> None:
        """Add what one call said.

        Args:
            text: what was said.
            spoken: timings in it.
            source: the same timings in the caller's text.
        """
        if self._texts:
            self._texts.append(" ")
            self._length += 1
        self._spoken += (
            one._replace(start=one.start + self._length, end=one.end + self._length)
            for one in spoken
        )
        self._source += source
        self._texts.append(text)
        self._length += len(text)

    def _words(self, reading: Reading) -> Iterator[tuple[int, int]]:
        """Where the words are that were spoken; speakers' labels, say, are not."""
        timed = sorted((one.start, one.end) for one in self._source)
        number = 0
        for start, end in _words_of(reading):
            while number < len(timed) and timed[number][1] <= start:
                number += 1
            if number < len(timed) and timed[number][0] < end:
                yield start, end

    def finish(self, text: str, reading: Reading, told_by: AlignmentSource) -> Timings:
        """The timings of the whole of the caller's text.

        Args:
            reading: of that text, whose words are told.
        """
        starts, ends = _spread(self._source, len(text))
        said = "".join(self._texts)
        return Timings(
            Alignment(list(text), starts, ends),
            Alignment(list(said), *_spread(self._spoken, len(said))),
            [
                Word(text[start:end], starts[start], ends[end - 1], start, end)
                for start, end in self._words(reading)
            ],
            told_by,
            [
                SpeechMark(one.name, _time_at(reading, one.offset, starts, ends))
                for one in reading.named
            ],
        )


class GrowingTimeline:
    """The timings of a text while it is being spoken: each character of it once, in order.

    Args:
        text: the caller's.
    """

    def __init__(self, text: str) -> None:
        self._seen = 0
        self._text = text
        self._said = ""
        self._of_text = _Reach()
        self._of_said = _Reach()

    def take(self, told: Sequence[Told]) -> tuple[Alignment | None, Alignment | None]:
        """What is new in the caller's text, and in what was said.

        Args:
            told: everything so far.
        """
        spoken: list[Timed] = []
        source: list[Timed] = []
        for one in told[self._seen :]:
            if self._seen:
                self._said += " "
            self._seen += 1
            by = len(self._said)
            spoken += (
                timed._replace(start=timed.start + by, end=timed.end + by) for timed in one.spoken
            )
            source += one.source
            self._said += one.text
        return self._of_text.take(self._text, source), self._of_said.take(self._said, spoken)

    def rest(self, timings: Timings) -> tuple[Alignment | None, Alignment | None]:
        """What was not told yet, once all of it is known."""
        return (
            self._of_text.rest(timings.alignment),
            self._of_said.rest(timings.normalized_alignment),
        )


class _Reach:
    """How far the characters of a text were told."""

    def __init__(self) -> None:
        self._at = 0
        self._now_ms = 0

    def take(self, text: str, timings: Sequence[Timed]) -> Alignment | None:
        at, end = self._at, max((one.end for one in timings), default=0)
        moved = [one._replace(start=one.start - at, end=one.end - at) for one in timings]
        return self._told(text[at:end], *_spread(moved, max(0, end - at)))

    def rest(self, whole: Alignment) -> Alignment | None:
        at = self._at
        characters = whole.characters[at:]
        return self._told(characters, whole.char_start_times_ms[at:], whole.char_end_times_ms[at:])

    def _told(
        self, characters: Sequence[str], starts: Sequence[int], ends: Sequence[int]
    ) -> Alignment | None:
        if not characters:
            return None
        now = self._now_ms
        self._at += len(characters)
        self._now_ms = max(now, ends[-1])
        return Alignment(
            list(characters), [max(now, ms) for ms in starts], [max(now, ms) for ms in ends]
        )


def _words_of(reading: Reading) -> Iterator[tuple[int, int]]:
    """Where the words are in the caller's text; several that stand for one are that one."""
    last: tuple[int, int] | None = None
    for word in _WORD.finditer(reading.text):
        start, end = reading.span(*word.span())
        if start >= end:
            continue
        if last is not None and start < last[1]:
            last = (last[0], max(last[1], end))
            continue
        if last is not None:
            yield last
        last = (start, end)
    if last is not None:
        yield last


def _time_at(reading: Reading, offset: int, starts: Sequence[int], ends: Sequence[int]) -> int:
    """When what is read after a place begins; at the very end, when all of it ends."""
    following = _WORD.search(reading.text, offset)
    if following is None:
        return ends[-1] if ends else 0
    start, _ = reading.span(following.start(), following.start() + 1)
    return starts[start]


def _spread(timings: Sequence[Timed], length: int) -> tuple[list[int], list[int]]:
    """Start and end of each character, in ms, never going back.

    The characters of a timing share its time evenly; those without one stand still at the end of
    the last timing before them.
    """
    starts, ends = [0] * length, [0] * length
    now = 0
    at = 0
    for timing in sorted(timings, key=lambda one: (one.start, one.start_ms)):
        start, end = max(at, timing.start), min(timing.end, length)
        if start >= end:
            now = max(now, round(timing.end_ms)) if timing.end <= at else now
            if at:
                ends[at - 1] = max(ends[at - 1], now)
            continue
        for index in range(at, start):
            starts[index] = ends[index] = now
        count, took = end - start, max(0.0, timing.end_ms - timing.start_ms)
        for index in range(start, end):
            begin = round(timing.start_ms + took * (index - start) / count)
            starts[index] = max(now, begin)
            now = max(now, round(timing.start_ms + took * (index - start + 1) / count))
            ends[index] = max(starts[index], now)
        at = end
    for index in range(at, length):
        starts[index] = ends[index] = now
    return starts, ends
