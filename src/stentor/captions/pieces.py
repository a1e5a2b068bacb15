"""From spoken words and the text they came from to what can be put into lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from stentor.captions.gaps import Gap, break_after, read_gap
from stentor.captions.width import is_unspaced, slices, width
from stentor.captions.words import Piece
from stentor.contract import Word
from stentor.text.breaks import Break

_LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_HYPHENS = "-‐–—/"
# Silence that listeners take for the end of a sentence, and of a paragraph.
_SENTENCE_PAUSE_MS = 600
_PARAGRAPH_PAUSE_MS = 2000
_LONGEST_SENTENCE = 300


class Item(NamedTuple):
    """A piece with what the layout has to know.

    Attributes:
        piece: what is shown.
        width: in columns.
        end_ms: when it has been spoken.
        break_after: how well a line or a cue ends here.
        is_bound: whether a line end here would tear a word apart.
    """

    piece: Piece
    width: int
    end_ms: int
    break_after: Break
    is_bound: bool


def make_items(
    words: Sequence[Word], text: str, language: str, line_columns: int
) -> Iterator[Item]:
    """All words in order, each as one item, or as several if it is wider than a line."""
    sentence_ends = _sentence_ends(text, language)
    sentence_end = 0
    clock = 0
    position = -1
    shown = [n for n, word in enumerate(words) if word.text.strip()]
    if not shown:
        return
    gap = read_gap(text[: words[shown[0]].char_start])
    for number, following in zip(shown, [*shown[1:], None], strict=True):
        word = words[number]
        start = clock = max(clock, word.start_ms)
        position = max(position, word.char_end)
        is_spaced, head = gap.is_spaced, gap.head
        behind = None if following is None else words[following]
        gap = _gap(text, word, behind, position)
        content = head + " ".join(word.text.split()) + gap.tail
        while sentence_end < position:
            sentence_end = next(sentence_ends, len(text) + 1)
        if behind is None or gap.has_blank_line:
            strength = Break.PARAGRAPH
        else:
            strength = max(
                break_after(content, sentence_end <= max(behind.char_start, position)),
                _pause(behind.start_ms - word.end_ms),
            )
            if (
                strength < Break.SENTENCE
                and gap.has_line_end
                and _is_short_line(text, position, line_columns)
            ):
                strength = Break.SENTENCE
        is_bound = behind is not None and not gap.is_spaced and not _may_part(content, gap, behind)
        whole = Item(
            Piece(content, is_spaced, start, number),
            width(content),
            max(start, word.end_ms),
            strength,
            is_bound,
        )
        yield from _cut(whole, line_columns)


def _gap(text: str, word: Word, behind: Word | None, position: int) -> Gap:
    if behind is None:
        return read_gap(text[position:])
    if behind.char_start >= position:
        return read_gap(text[position : behind.char_start])
    # Several words that one place of the text was read as, such as those of a number.
    return Gap("", "", not is_unspaced(word.text.rstrip()[-1]), False, False)


def _pause(ms: int) -> Break:
    if ms >= _PARAGRAPH_PAUSE_MS:
        return Break.PARAGRAPH
    return Break.SENTENCE if ms >= _SENTENCE_PAUSE_MS else Break.NONE


def _is_short_line(text: str, position: int, columns: int) -> bool:
    """Whether the line up to here is one of verse or of a list rather than of wrapped prose."""
    line = text[max(0, position - columns) : position]
    return position < columns or _LINE_END.search(line) is not None


def _may_part(content: str, gap: Gap, behind: Word) -> bool:
    """Whether a line may end between two words without a space between them."""
    first = (gap.head + behind.text.lstrip())[0]
    return content[-1] in _HYPHENS or is_unspaced(content[-1]) or is_unspaced(first)


def _cut(item: Item, line_columns: int) -> Iterator[Item]:
    """Items no wider than a line, each with its share of the time."""
    if item.width <= line_columns:
        yield item
        return
    piece, start_ms = item.piece, item.piece.start_ms
    parts = list(_parts(piece.text, piece.is_spaced, line_columns))
    widths = [width(part) for part, _ in parts]
    shares = [
        start_ms + (item.end_ms - start_ms) * done // sum(widths)
        for done in accumulate(widths, initial=0)
    ]
    for index, (part, part_is_spaced) in enumerate(parts):
        is_last = index == len(parts) - 1
        yield Item(
            Piece(part, part_is_spaced, shares[index], piece.word),
            widths[index],
            shares[index + 1],
            item.break_after if is_last else Break.NONE,
            item.is_bound if is_last else not parts[index + 1][1],
        )


def _parts(content: str, is_spaced: bool, line_columns: int) -> Iterator[tuple[str, bool]]:
    for token in content.split():
        for part in slices(token, line_columns) if width(token) > line_columns else [token]:
            yield part, is_spaced
            is_spaced = False
        is_spaced = True


def _sentence_ends(text: str, language: str) -> Iterator[int]:
    from stentor.text.sentences import sentences

    line = _LINE_END.sub(" ", text)
    for start, end in sentences(line, language.partition("-")[0].lower(), _LONGEST_SENTENCE):
        while end > start and line[end - 1].isspace():
            end -= 1
        yield end
