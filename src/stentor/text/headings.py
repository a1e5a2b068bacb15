"""The headings of plain text, by what they say and by the empty lines around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from stentor.text.markup.marked import HeadingMark

MOST_CHARS = 80
SUBTITLE_CHARS = 60

_KEYWORDS = (
    "chapter|part|book|act|canto|letter|stave|volume"
    "|kapitel|teil|buch|chapitre|partie|livre|cap[ií]tulo|parte|libro|capitolo|livro"
)
_COUNTED = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    "|sixteen|seventeen|eighteen|nineteen|twenty"
)
_NUMBERED = re.compile(
    rf"(?:{_KEYWORDS})\s+(?:the\s+)?(?:[0-9]{{1,4}}|[ivxlcdm]{{1,9}}|(?:{_COUNTED})\w*)\b"
    r"(?P<title>[.:\s–—-].*)?",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:prologue|epilogue|preface|foreword|introduction|afterword|prolog|epilog|vorwort|nachwort)"
    r"[.:]?",
    re.IGNORECASE,
)


class _Block(NamedTuple):
    """Lines between empty lines, from `start` to `end`, that make `text` together."""

    start: int
    end: int
    text: str
    lines: int


def find_headings(text: str) -> tuple[HeadingMark, ...]:
    """Chapters such as `CHAPTER I`, alone between empty lines, with a short title after it.

    The title may stand in the same line, in the next one, or between empty lines of its own, if it
    does not end like a statement.
    """
    found: list[HeadingMark] = []
    waiting: _Block | None = None
    for block in _blocks(text):
        if waiting is not None:
            is_title = (
                block.lines == 1
                and len(block.text) <= SUBTITLE_CHARS
                and block.text[-1:] not in ".,;:…"
                and not _is_heading(block.text)
            )
            title = f"{waiting.text.rstrip('.:')}: {block.text}" if is_title else waiting.text
            found.append(
                HeadingMark(waiting.start, block.end if is_title else waiting.end, 1, title)
            )
            waiting = None
            if is_title:
                continue
        if block.lines <= 2 and len(block.text) <= MOST_CHARS and (one := _is_heading(block.text)):
            if one.re is _NAMED or one["title"]:
                found.append(HeadingMark(block.start, block.end, 1, block.text))
            else:
                waiting = block
    if waiting is not None:
        found.append(HeadingMark(waiting.start, waiting.end, 1, waiting.text))
    return tuple(found)


def _is_heading(text: str) -> re.Match[str] | None:
    return _NUMBERED.fullmatch(text) or _NAMED.fullmatch(text)


def _blocks(text: str) -> Iterator[_Block]:
    start: int | None = None
    end = offset = 0
    words: list[str] = []
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if bare:
            if start is None:
                start = offset + line.index(bare)
            end = offset + line.index(bare) + len(bare)
            words.append(" ".join(bare.split()))
        elif start is not None:
            yield _Block(start, end, " ".join(words), len(words))
            start, words = None, []
        offset += len(line)
    if start is not None:
        yield _Block(start, end, " ".join(words), len(words))
