"""From a written stretch of text to what is said of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import Struct

from stentor.text.rewrites import Rewrite, Rewritten

LONGEST_STRETCH = 2000

Rewriter = Callable[[str], list[Rewrite]]
"""Makes of a written text what is said instead of stretches of it, in order."""


class Pronounced(NamedTuple):
    """`[start, end)` of a spoken text sounds like this, in IPA."""

    start: int
    end: int
    phonemes: str


class SpokenForms(Struct, frozen=True):
    """How written text becomes spoken text.

    Attributes:
        rewriters: each sees the stretches that those before it have left as they are.
        takes_phonemes: whether the voice can be told a pronunciation; otherwise it is told an alias
            where there is one.
    """

    rewriters: Sequence[Rewriter] = ()
    takes_phonemes: bool = False


AS_WRITTEN = SpokenForms()


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a written text.

    Attributes:
        text: one line.
        rewritten: the way back; None where it was said as written.
        pronounced: in order, without overlaps.
        lost: written stretches whose pronunciation the voice cannot be told.
    """

    text: str
    rewritten: Rewritten | None = None
    pronounced: tuple[Pronounced, ...] = ()
    lost: tuple[str, ...] = ()


class Saying:
    """What is said of a whole passage, before it is known where it is cut.

    Args:
        written: the passage.
        given: what the caller's markup says of it, which has precedence.
    """

    def __init__(self, written: str, forms: SpokenForms, given: Sequence[Rewrite] = ()) -> None:
        self._written = written
        self._forms = forms
        self._rewrites = _layered(written, forms.rewriters, given)
        self._starts = [one.start for one in self._rewrites]

    def holds(self, boundary: int) -> bool:
        """Whether nothing must be cut at a place, as what stands there is said in one."""
        goes_on = self._written[boundary : boundary + 2].lstrip()[:1]
        while boundary > 0 and self._written[boundary - 1] == " ":
            boundary -= 1
        number = bisect_left(self._starts, boundary) - 1
        if number < 0:
            return False
        one = self._rewrites[number]
        if boundary < one.end:
            return True
        # A full stop that belongs to what was rewritten, such as that of `vol. 2` or of `2. Platz`.
        ends_with_dot = boundary == one.end and self._written[boundary - 1] == "."
        is_ordinal = ends_with_dot and self._written[boundary - 2 : boundary - 1].isdigit()
        return ends_with_dot and (is_ordinal or goes_on.islower() or goes_on.isdigit())

    def of(self, start: int, end: int) -> Said:
        """What is said of `[start, end)`; what is rewritten across its edges is said as written."""
        first = bisect_left(self._starts, start)
        last = bisect_right(self._starts, end - 1)
        mine = [
            one._replace(start=one.start - start, end=one.end - start)
            for one in self._rewrites[first:last]
            if one.end <= end
        ]
        return _said(self._written[start:end], mine, takes_phonemes=self._forms.takes_phonemes)

    def unsaid(self, pieces: Sequence[tuple[int, int]]) -> Iterator[str]:
        """The written stretches whose pronunciation was cut through.

        Args:
            pieces: where the passage was cut, in order.
        """
        starts = [start for start, _ in pieces]
        for one in self._rewrites:
            if one.phonemes is None:
                continue
            number = bisect_right(starts, one.start) - 1
            if number >= 0 and one.end > pieces[number][1]:
                yield self._written[one.start : one.end]


def _layered(
    written: str, rewriters: Sequence[Rewriter], given: Sequence[Rewrite]
) -> list[Rewrite]:
    """The rewrites of all layers, each of which sees what those before it left."""
    taken = list(given)
    for rewriter in rewriters:
        found: list[Rewrite] = []
        at = 0
        for start, end in [*((one.start, one.end) for one in taken), (len(written), None)]:
            for begin, stop in _stretches(written, at, start):
                found += (
                    one._replace(start=one.start + begin, end=one.end + begin)
                    for one in rewriter(written[begin:stop])
                )
            at = max(at, end or 0)
        taken = sorted([*taken, *found], key=lambda one: (one.start, one.end))
    return _trimmed(written, taken)


def _stretches(written: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """`[start, end)`, in stretches that no rewriter takes long over."""
    while end - start > LONGEST_STRETCH:
        space = written.rfind(" ", start + LONGEST_STRETCH // 2, start + LONGEST_STRETCH)
        stop = space if space > 0 else start + LONGEST_STRETCH
        yield start, stop
        start = stop
    if start < end:
        yield start, end


def _trimmed(written: str, rewrites: Sequence[Rewrite]) -> list[Rewrite]:
    """What is said as nothing takes a space beside it along."""
    trimmed: list[Rewrite] = []
    for number, one in enumerate(rewrites):
        limit = rewrites[number + 1].start if number + 1 < len(rewrites) else len(written)
        is_first = one.start == 0 or written[one.start - 1] == " "
        if not one.text and is_first and one.end < limit and written[one.end] == " ":
            one = one._replace(end=one.end + 1)
        trimmed.append(one)
    return trimmed


def _said(written: str, rewrites: Sequence[Rewrite], *, takes_phonemes: bool) -> Said:
    if not rewrites:
        return Said(written)
    taken: list[Rewrite] = []
    pronounced: list[Pronounced] = []
    lost: dict[str, None] = {}
    gained = 0
    for one in rewrites:
        if one.phonemes is not None and not takes_phonemes:
            if one.text == one.phonemes:
                lost[written[one.start : one.end]] = None
            elif one.text == written[one.start : one.end]:
                lost[one.text] = None
                continue
        elif one.phonemes is not None and one.text:
            start = one.start + gained
            pronounced.append(Pronounced(start, start + len(one.text), one.phonemes))
        taken.append(one)
        gained += len(one.text) - (one.end - one.start)
    rewritten = Rewritten(written, taken)
    return Said(rewritten.text, rewritten, tuple(pronounced), tuple(lost))
