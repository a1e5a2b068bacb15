"""The lines of a text, and what each looks like on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from stentor.text.characters import INVISIBLE
from stentor.text.dialogue import Cast

_PARAGRAPH_SEPARATOR = "\u2029"
_LINE_END = re.compile(rf"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028{_PARAGRAPH_SEPARATOR}]")
_CONTENT = re.compile(rf"[^\s{INVISIBLE}](?:.*[^\s{INVISIBLE}])?")
_ORNAMENT = r"*#~=_+|·•–—―⁂❦❧☙\u2500-\u25ff-"
_RULE = re.compile(rf"(?:[{_ORNAMENT}]\s*){{3,}}|[*#~⁂❦❧☙]")
_BULLET = re.compile(r"(?:[*•‣⁃·\u25a0-\u25ff-]|#{1,6})\s+")
_NUMBERING = re.compile(r"(?:\d{1,2}[.)]|\(\w{1,2}\))\s")


class Line(NamedTuple):
    """One line.

    Attributes:
        start, end: what there is to read, `[start, end)` in the text: without white space at the
            edges, list bullet and speaker label.
        indent: characters before the first visible one.
        width: characters up to the last visible one.
        is_rule: a row of ornaments, such as `* * *` or `----`; nothing of it is read.
        is_item: begins with a list bullet, a heading mark or a number.
        voice: the voice that a speaker label switches to.
    """

    start: int
    end: int
    indent: int = 0
    width: int = 0
    is_rule: bool = False
    is_item: bool = False
    voice: str | None = None

    @property
    def is_empty(self) -> bool:
        return self.start == self.end


def read_lines(text: str, cast: Cast) -> Iterator[Line]:
    """Take a text apart at its line ends, of whatever system.

    A paragraph separator (U+2029) counts as a line end and an empty line.
    """
    start = 0
    for line_end in _LINE_END.finditer(text):
        yield _read_line(text, start, line_end.start(), cast)
        start = line_end.end()
        if line_end.group() == _PARAGRAPH_SEPARATOR:
            yield Line(start, start)
    yield _read_line(text, start, len(text), cast)


def _read_line(text: str, line_start: int, line_end: int, cast: Cast) -> Line:
    content = _CONTENT.search(text, line_start, line_end)
    if content is None:
        return Line(line_start, line_start)
    start, end = content.span()
    indent, width = start - line_start, end - line_start
    if label := cast.find_label(text, start, end):
        voice, start = label
        return Line(start, end, indent, width, voice=voice)
    if text[start].isalpha():
        return Line(start, end, indent, width)
    if _RULE.fullmatch(text, start, end):
        return Line(start, start, is_rule=True)
    if bullet := _BULLET.match(text, start, end):
        return Line(bullet.end(), end, indent, width, is_item=True)
    is_item = _NUMBERING.match(text, start, end) is not None
    return Line(start, end, indent, width, is_item=is_item)
