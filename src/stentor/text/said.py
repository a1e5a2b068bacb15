"""From a written stretch of text to what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from stentor.text.rewrites import Rewrite, Rewritten, merged

Rewriter = Callable[[str], list[Rewrite]]
"""Makes of a written text what is said instead of stretches of it, in order."""


class Pronounced(NamedTuple):
    """`[start, end)` of a spoken text sounds like this, in IPA."""

    start: int
    end: int
    phonemes: str


@dataclass(frozen=True, slots=True)
class SpokenForms:
    """How written text becomes spoken text.

    Attributes:
        rewriters: the first has precedence.
        takes_phonemes: whether the voice can be told a pronunciation; otherwise it is told an alias
            where there is one.
    """

    rewriters: Sequence[Rewriter] = field(default=())
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


def say(written: str, forms: SpokenForms, phonemes: Sequence[Rewrite] = ()) -> Said:
    """Find out what is said of a stretch of text.

    Args:
        phonemes: pronunciations that the caller gave, which have precedence.
    """
    rewrites = merged(phonemes, *(rewriter(written) for rewriter in forms.rewriters))
    if not rewrites:
        return Said(written)
    taken: list[Rewrite] = []
    pronounced: list[Pronounced] = []
    lost: dict[str, None] = {}
    gained = 0
    for one in rewrites:
        if one.phonemes is not None and not forms.takes_phonemes:
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
