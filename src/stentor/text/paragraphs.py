"""Undoing hard wraps: which line ends are only the edge of the page, and which are breaks.

A text that was wrapped by an editor gives itself away: its lines stop where the next word would
not have fitted. The width is learnt from the line ends in the middle of sentences, which nobody
puts there by hand in prose. Verse, headings, lists and one-sentence-per-line texts have lines
that stop short of that width, and keep their breaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from stentor.text.breaks import Break
from stentor.text.characters import CLOSERS, TERMINATORS
from stentor.text.dialogue import Cast
from stentor.text.lines import Line
from stentor.text.spanned import Spanned

MIN_WRAP_WIDTH = 24
"""Columns; nobody wraps prose to less."""
RAGGED_EDGE = 0.1
"""How far, as a share of the width, a wrapped line may stop short of it."""
SECTION_BLANK_LINES = 3

_WEAK_ENDS = ",;،؛，；、-–—"
_FIRST_LETTER = re.compile(r"[\W_]{0,3}([^\W\d_])")
_IDEOGRAPH = re.compile(
    "[\u2e80-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)
_FIRST_WORD = re.compile(rf"{_IDEOGRAPH.pattern}|\S+")
_SOFT_HYPHEN = "\u00ad"
_HYPHENATED = re.compile(r"\w[-‐]")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of text that is read without a line break.

    Attributes:
        voice: who reads it.
        break_after: what sets it off from the next.
    """

    spanned: Spanned
    voice: str
    break_after: Break


def passages(text: str, lines: Sequence[Line], cast: Cast) -> Iterator[Passage]:
    """Join lines where a line end is only a wrap. Blank lines and rules end a passage."""
    width = wrap_width(text, lines)
    voice = cast.first_voice
    run: list[Line] = []
    gap = Break.NONE
    blank_lines = 0

    def flush(boundary: Break) -> Iterator[Passage]:
        if run:
            yield Passage(Spanned(text, _ranges(text, run)), voice, boundary)
            run.clear()

    for line in lines:
        if line.is_rule:
            gap = Break.SECTION
        elif line.is_empty and line.voice is None:
            blank_lines += 1
            enough = blank_lines >= SECTION_BLANK_LINES
            gap = max(gap, Break.SECTION if enough else Break.PARAGRAPH)
        else:
            if line.voice is not None:
                yield from flush(max(gap, Break.SENTENCE))
                voice = line.voice
            elif gap:
                yield from flush(gap)
            elif run and not _is_wrap(text, run, line, width):
                yield from flush(_line_break(text, run[-1]))
            if not line.is_empty:
                run.append(line)
            gap, blank_lines = Break.NONE, 0
    yield from flush(Break.SECTION)


def wrap_width(text: str, lines: Iterable[Line]) -> int | None:
    """The width in columns that the text was wrapped to, if it looks wrapped."""
    widths = sorted(
        line.width
        for line, following in pairwise(lines)
        if not (line.is_empty or following.is_empty or following.is_item or following.voice)
        and _continues(text, line, following)
    )
    if not widths:
        return None
    width = widths[int(0.95 * (len(widths) - 1))]
    return width if width >= MIN_WRAP_WIDTH else None


def _continues(text: str, line: Line, following: Line) -> bool:
    """Whether the sentence goes on in the next line, by its first letter."""
    last = _last_visible(text, line)
    letter = _first_letter(text, following)
    if letter.islower():
        return last not in TERMINATORS
    has_case = letter.lower() != letter.upper()
    return bool(letter) and not has_case and last.isalpha()


def _is_wrap(text: str, run: Sequence[Line], following: Line, width: int | None) -> bool:
    line = run[-1]
    if following.is_item:
        return False
    if _ends_in_word(text, line):
        return True
    in_mid_sentence = _first_letter(text, following).islower()
    if following.indent > line.indent and not in_mid_sentence:
        return False
    if width is not None and _is_full(text, line, following, width):
        return True
    if not _last_visible(text, line).isalnum():
        return False
    # A sentence stops here without punctuation: a ragged line in wrapped prose, or a shaped one.
    is_ragged = in_mid_sentence and line.width >= MIN_WRAP_WIDTH
    is_shaped = in_mid_sentence and following.indent != line.indent
    return len(run) > 1 or is_ragged or is_shaped


def _ends_in_word(text: str, line: Line) -> bool:
    hyphenated = _HYPHENATED.fullmatch(text, line.end - 2, line.end)
    return text[line.end] == _SOFT_HYPHEN or hyphenated is not None


def _is_full(text: str, line: Line, following: Line, width: int) -> bool:
    """Whether the next line's first word would not have fitted."""
    word = _FIRST_WORD.match(text, following.start, following.end)
    needed = line.width + 1 + (len(word.group()) if word else 0)
    return needed > width * (1 - RAGGED_EDGE)


def _line_break(text: str, line: Line) -> Break:
    last = _last_visible(text, line)
    is_verse = line.indent > 0 and not line.is_item
    goes_on = last in _WEAK_ENDS or (is_verse and last.isalnum())
    return Break.CLAUSE if goes_on else Break.SENTENCE


def _last_visible(text: str, line: Line) -> str:
    """The last character that is not a closing quotation mark or bracket."""
    tail = text[max(line.start, line.end - 4) : line.end]
    return (tail.rstrip(CLOSERS + "_*") or tail)[-1]


def _first_letter(text: str, line: Line) -> str:
    match = _FIRST_LETTER.match(text, line.start, line.end)
    return match.group(1) if match else ""


def _ranges(text: str, run: Sequence[Line]) -> Iterator[tuple[int, int, bool]]:
    yield run[0].start, run[0].end, False
    for line, following in pairwise(run):
        yield following.start, following.end, not _is_glued(text, line, following)


def _is_glued(text: str, line: Line, following: Line) -> bool:
    """Whether nothing at all stands for the line end: in a word, or between ideographs."""
    if _ends_in_word(text, line):
        return True
    return bool(_IDEOGRAPH.match(text, line.end - 1) and _IDEOGRAPH.match(text, following.start))
