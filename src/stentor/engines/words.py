"""Which phonemes are which word's.

espeak-ng tells the phonemes of a text, but not whose they are: it runs words together (`of the`),
reads numbers out and spells what it does not know. So each word is read alone as well, and the
two sequences are laid against each other with the fewest differences (Needleman and Wunsch 1970,
within a band around the diagonal, so that time and memory grow with the length of the text).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Range = tuple[int, int]

# Han and kana have no spaces between words; some kana and marks belong to what is before them. A
# dash may have no space beside it, either.
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_FOLLOWING = (
    r"\u3041\u3043\u3045\u3047\u3049\u3083\u3085\u3087\u30a1\u30a3\u30a5\u30a7\u30a9\u30e3\u30e5\u30e7"
    r"\u30fc\u3001-\u3003\u300d\u300f\uff01\uff0c\uff0e\uff1a\uff1b\uff1f"
)
_DASHES = r"\u2013-\u2015\u2026"
_WORD = re.compile(
    rf"[{_UNSPACED}][{_FOLLOWING}]*"
    rf"|[^\s{_UNSPACED}{_DASHES}{_FOLLOWING}]+[{_FOLLOWING}]*"
    rf"|[{_DASHES}{_FOLLOWING}]+"
)

# espeak-ng's length and palatalisation, and stress, which a word in its sentence may lose.
_STRESS = frozenset("\u02c8\u02cc")
_MODIFIERS = frozenset("\u02d0\u02d1\u02b2\u02b0\u02de")
_VOWELS = frozenset("aeiouyæøœɐɑɒɔəɘɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏᵻεAIOQWYᵊ")

_SPACE, _MARK, _VOWEL, _CONSONANT = range(4)
# What it costs to take one sound for another, by their kinds, and to have none for it. Vowels
# are reduced and words run together in a sentence; consonants seldom change.
_SWAP = ((0, 3, 9, 9), (3, 1, 9, 9), (9, 9, 1, 4), (9, 9, 4, 3))
_ALONE = (1, 1, 2, 2)

_BAND = 192
_DIAGONAL, _UP, _LEFT = range(3)
_NEVER = 1 << 20


def divide(text: str, cuts: Iterable[int] = ()) -> list[Range]:
    """The words of a text, with the punctuation at them, as `[start, end)`.

    Args:
        cuts: where a word ends in any case.
    """
    at = sorted(set(cuts))
    found: list[Range] = []
    for match in _WORD.finditer(text):
        start, end = match.span()
        for cut in at[bisect_left(at, start + 1) : bisect_left(at, end)]:
            found.append((start, cut))
            start = cut
        found.append((start, end))
    return found


def place(words: Sequence[Sequence[str]], spoken: Sequence[str]) -> list[Range | None]:
    """Find each word's phonemes among those of the whole text.

    Args:
        words: each word's phonemes, read alone.
        spoken: the phonemes of the text, with spaces and punctuation.

    Returns:
        For each word the `[first, last)` of its phonemes in `spoken`, in order and disjoint;
        None for a word without any sound.
    """
    heard = [at for at, phoneme in enumerate(spoken) if not _is_modifier(phoneme)]
    expected = list(_expected(words))
    owners = [-1] * len(heard)
    if heard and expected:
        for at, column in _pairs([spoken[at] for at in heard], [p for p, _ in expected]):
            owners[at] = expected[column][1]
    sounds = [at for at, place in enumerate(heard) if _kind(spoken[place]) >= _VOWEL]
    owned = [owners[at] for at in sounds]
    joined = [heard[at] for at in sounds]
    _adopt(owned, joined, spoken)
    ranges: list[Range | None] = [None] * len(words)
    for position, owner in enumerate(owned):
        if owner >= 0:
            before = ranges[owner]
            ranges[owner] = (before[0] if before else position, position + 1)
    _share(ranges, [sum(_kind(p) >= _VOWEL for p in word) for word in words])
    return [
        one and (_widen_left(spoken, joined[one[0]]), _widen_right(spoken, joined[one[1] - 1] + 1))
        for one in ranges
    ]


def _expected(words: Sequence[Sequence[str]]) -> Iterator[tuple[str, int]]:
    for number, word in enumerate(words):
        for phoneme in word:
            if not _is_modifier(phoneme):
                yield phoneme, number
        yield " ", number


def _adopt(owners: list[int], places: list[int], spoken: Sequence[str]) -> None:
    """Give sounds that are no word's to the word before, or to that after if they adjoin it."""
    for at, owner in enumerate(owners):
        if owner >= 0:
            continue
        before = owners[at - 1] if at else -1
        following = next((n for n in range(at + 1, len(owners)) if owners[n] >= 0), None)
        if following is None:
            owners[at] = before
        elif before < 0 or (
            " " in spoken[places[at - 1] : places[at]]
            and " " not in spoken[places[at] : places[following]]
        ):
            owners[at] = owners[following]
        else:
            owners[at] = before


def _share(ranges: list[Range | None], sizes: list[int]) -> None:
    """A word that was swallowed by its neighbour gets its share of the neighbour's sounds."""
    for number, size in enumerate(sizes):
        if not size or ranges[number] is not None:
            continue
        before, after = number - 1, number + 1
        while before >= 0 and not sizes[before]:
            before -= 1
        while after < len(sizes) and ranges[after] is None:
            after += 1
        left = ranges[before] if before >= 0 else None
        right = ranges[after] if after < len(sizes) else None
        if left and left[1] - left[0] > 1 and not (right and _length(right) > _length(left)):
            cut = left[1] - _portion(_length(left), size, sizes[before])
            ranges[before], ranges[number] = (left[0], cut), (cut, left[1])
        elif right and _length(right) > 1:
            cut = right[0] + _portion(_length(right), size, sizes[after])
            ranges[number], ranges[after] = (right[0], cut), (cut, right[1])


def _length(one: Range) -> int:
    return one[1] - one[0]


def _portion(length: int, size: int, other: int) -> int:
    return min(length - 1, max(1, round(length * size / (size + max(1, other)))))


def _widen_left(spoken: Sequence[str], at: int) -> int:
    while at and spoken[at - 1] in _STRESS:
        at -= 1
    return at


def _widen_right(spoken: Sequence[str], at: int) -> int:
    while at < len(spoken) and _is_modifier(spoken[at]) and spoken[at] not in _STRESS:
        at += 1
    return at


def _is_modifier(phoneme: str) -> bool:
    return phoneme in _STRESS or phoneme in _MODIFIERS or bool(unicodedata.combining(phoneme[0]))


def is_sound(phoneme: str) -> bool:
    """Whether a phoneme is a vowel or a consonant, not a mark at one, a pause or punctuation."""
    return not _is_modifier(phoneme) and _kind(phoneme) >= _VOWEL


def _kind(phoneme: str) -> int:
    if phoneme.isspace():
        return _SPACE
    if phoneme[0] in _VOWELS:
        return _VOWEL
    return _CONSONANT if phoneme[0].isalnum() else _MARK


def _pairs(heard: list[str], expected: list[str]) -> Iterator[Range]:
    """Pairs of positions that belong together."""
    import numpy as np

    numbers: dict[str, int] = {}

    def coded(phonemes: list[str]) -> tuple[NDArray[Any], NDArray[Any]]:
        return (
            np.array([numbers.setdefault(p, len(numbers)) for p in phonemes], np.int32),
            np.array([_kind(p) for p in phonemes], np.int32),
        )

    rows, row_kinds = coded(heard)
    columns, column_kinds = coded(expected)
    alone = np.array(_ALONE, np.int32)
    skipped = np.concatenate([[0], np.cumsum(alone[column_kinds])]).astype(np.int32)
    swap = np.array(_SWAP, np.int32)[:, column_kinds]
    height, width = len(rows), len(columns)
    band = min(width + 1, _BAND + 2 * abs(height - width))
    previous = np.full(width + 1, _NEVER, np.int32)
    previous[: band // 2 + 1] = skipped[: band // 2 + 1]
    moves: list[tuple[int, NDArray[np.int8]]] = [(0, np.full(width + 1, _LEFT, np.int8))]
    for row in range(height):
        low = min(max(0, (row + 1) * width // height - band // 2), width + 1 - band)
        window = slice(low, low + band)
        down = previous[window] + alone[row_kinds[row]]
        across = np.full(band, _NEVER, np.int32)
        first = max(low, 1)
        cells = slice(first - 1, low + band - 1)
        costs = np.where(columns[cells] == rows[row], 0, swap[row_kinds[row], cells])
        across[first - low :] = previous[cells] + costs
        best = np.minimum(across, down)
        reached = np.minimum.accumulate(best - skipped[window]) + skipped[window]
        move = np.where(across <= down, _DIAGONAL, _UP)
        moves.append((low, np.where(reached < best, _LEFT, move).astype(np.int8)))
        previous[window] = reached
        # The band moves on; what it leaves behind is not of this row.
        if low:
            previous[low - 1] = _NEVER
    row, column = height, width
    found: list[Range] = []
    while row and column:
        low, steps = moves[row]
        step = steps[column - low]
        if step == _DIAGONAL:
            found.append((row - 1, column - 1))
            row, column = row - 1, column - 1
        elif step == _UP:
            row -= 1
        else:
            column -= 1
    return reversed(found)
