"""Which words share a line, and which lines share the screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from stentor.captions.pieces import Item
from stentor.text.breaks import Break

Lines = tuple[range, ...]
"""One or two ranges of items, one after the other."""

# Costs, by which one layout is chosen over another. A cue more costs as much as a cue's end
# between a clause's and a word's, so that a sentence of two clauses is shown as one where it
# fits, and as its clauses where it does not.
_CUE = 5.0
_CUE_END = {Break.NONE: 11.0, Break.CLAUSE: 3.0, Break.SENTENCE: 0.0, Break.PARAGRAPH: 0.0}
_LINE_END = {Break.NONE: 3.0, Break.CLAUSE: 1.0, Break.SENTENCE: 1.0, Break.PARAGRAPH: 0.0}
_SENTENCE_INSIDE_LINE = 4.0
_TORN_WORD = 40.0
# In languages with spaces, words of up to three letters belong to what follows, mostly.
_LITTLE_WORD = 2.0
_LITTLE_COLUMNS = 3
_UNEVEN = 3.0
_SHORT_MS = 1000
_SHORT = 8.0
_LONG_MS = 6000
_LONG_PER_SECOND = 8.0


def lay_out(items: Sequence[Item], line_columns: int) -> list[Lines]:
    """The cheapest way to put all items into cues of one or two lines.

    Looks back from each item by one line, so that the time it takes is in proportion to the
    number of items. A cue does not go on over the end of a paragraph.
    """
    count = len(items)
    spaces = [int(item.piece.is_spaced) for item in items]
    columns = [0, *accumulate(s + item.width for s, item in zip(spaces, items, strict=True))]
    inside = [
        0.0,
        *accumulate(
            _SENTENCE_INSIDE_LINE if item.break_after == Break.SENTENCE else 0.0 for item in items
        ),
    ]
    starts = [item.piece.start_ms for item in items]
    ends = [_end(item, behind) for item, behind in zip(items, [*items[1:], None], strict=True)]

    # By number of items: the cost of cues that end there and how the last one begins; and the
    # cost of cues of which the last has its first line end there, and where that line begins.
    infinite = float("inf")
    cue: list[tuple[float, Lines]] = [(0.0, ()), *[(infinite, ())] * count]
    half: list[tuple[float, int]] = [(infinite, 0)] * (count + 1)
    for end in range(1, count + 1):
        last = items[end - 1]
        until = starts[end] if end < count else last.end_ms + _SHORT_MS
        best_cue: float = infinite
        lines: Lines = ()
        best_half, half_start = infinite, 0
        cue_end = _CUE + _CUE_END[last.break_after] + ends[end - 1]
        line_end = _LINE_END[last.break_after] + ends[end - 1]
        for begin in range(end - 1, -1, -1):
            taken = columns[end] - columns[begin] - spaces[begin]
            if begin < end - 1 and (
                taken > line_columns or items[begin].break_after >= Break.PARAGRAPH
            ):
                break
            crossed = inside[end - 1] - inside[begin]
            before = cue[begin][0] + crossed
            alone = before + cue_end + _timing(starts[begin], last.end_ms, until)
            if alone < best_cue:
                best_cue, lines = alone, (range(begin, end),)
            if before + line_end < best_half:
                best_half, half_start = before + line_end, begin
            first_cost, first = half[begin]
            if first_cost < infinite:
                first_taken = columns[begin] - columns[first] - spaces[first]
                both = (
                    first_cost
                    + crossed
                    + cue_end
                    + _UNEVEN * abs(first_taken - taken) / line_columns
                    + _timing(starts[first], last.end_ms, until)
                )
                if both < best_cue:
                    best_cue, lines = both, (range(first, begin), range(begin, end))
        cue[end] = (best_cue, lines)
        if last.break_after < Break.PARAGRAPH:
            half[end] = (best_half, half_start)
    return list(_backwards(cue))[::-1]


def _backwards(cue: Sequence[tuple[float, Lines]]) -> Iterator[Lines]:
    end = len(cue) - 1
    while end > 0:
        lines = cue[end][1]
        yield lines
        end = lines[0].start


def _end(item: Item, behind: Item | None) -> float:
    """What it costs to end a line or a cue after an item, besides its punctuation."""
    if item.is_bound:
        return _TORN_WORD
    is_little = item.width <= _LITTLE_COLUMNS and item.break_after == Break.NONE
    return _LITTLE_WORD if is_little and behind is not None and behind.piece.is_spaced else 0.0


def _timing(start_ms: int, end_ms: int, until_ms: int) -> float:
    """What it costs to show a cue that is spoken from start to end, and may stay until then."""
    cost = 0.0
    if until_ms - start_ms < _SHORT_MS:
        cost += _SHORT * (1 - (until_ms - start_ms) / _SHORT_MS)
    if end_ms - start_ms > _LONG_MS:
        cost += _LONG_PER_SECOND * (end_ms - start_ms - _LONG_MS) / 1000
    return cost
