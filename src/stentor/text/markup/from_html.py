"""Reading HTML: what a reader of the page would read, in the order of its source."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter

from stentor.text.markup.builder import Builder
from stentor.text.markup.html_tokens import (
    CHARACTER_REFERENCE,
    Tag,
    Text,
    Value,
    tokens,
    unescape,
)
from stentor.text.markup.html_tree import ends, html_words
from stentor.text.markup.marked import Marked

_XHTML = re.compile(r"\s*<\?xml\s|\s*(?:<[!?][^>]*>\s*)?<html[^>]*\sxmlns\s*=", re.IGNORECASE)
_XHTML_CHARS = 2000
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_HEADING = re.compile(r"h([1-6])")
_MAX_NUMBER_DIGITS = 9
_RULE = "* * *"

_End = Callable[[], None]


def read_html(source: str) -> Marked:
    """Read an HTML or XHTML document, or a part of one. Anything is HTML; nothing is refused."""
    builder = Builder(source)
    is_xml = _XHTML.match(source.removeprefix("\ufeff")[:_XHTML_CHARS]) is not None
    start = 1 if source.startswith("\ufeff") else 0
    HtmlReader(builder, [(start, len(source))], is_xml=is_xml).read()
    return builder.finish("html")


class HtmlReader:
    """Reads ranges of a builder's source as one piece of HTML.

    Args:
        ranges: in order, without overlaps, at least one; what is between them is no HTML.
    """

    def __init__(
        self, builder: Builder, ranges: Sequence[tuple[int, int]], *, is_xml: bool
    ) -> None:
        self._builder = builder
        self._ranges = ranges
        self._base = ranges[0][0]
        self._source = _with_gaps_blank(builder.source, ranges)
        self._tokens = list(tokens(self._source, is_xml=is_xml))
        self._ends = ends(self._tokens, is_xml=is_xml)
        self._open: list[tuple[int, _End]] = []
        self._numbers: list[int | None] = []
        self._pre_depth = 0
        self._items = 0
        words = html_words()
        self._unread = frozenset(words["unread"])
        self._unread_roles = frozenset(words["unread_roles"])
        self._paragraphs = frozenset(words["paragraphs"])
        self._elements: dict[str, Callable[[Tag], _End | None]] = {
            "ul": self._list,
            "menu": self._list,
            "ol": self._list,
            "li": self._item,
            "tr": self._row,
            "td": self._cell,
            "th": self._cell,
            "br": self._line_break,
            "hr": self._rule,
            "img": self._image,
            "pre": self._preformatted,
        }

    def read(self) -> None:
        """Add to the builder what is to be read."""
        index = 0
        while index < len(self._tokens):
            while self._open and self._open[-1][0] <= index:
                self._open.pop()[1]()
            token = self._tokens[index]
            index += 1
            if isinstance(token, Text):
                self._text(token)
            elif not token.is_end:
                end = self._ends.before[index - 1]
                if self._is_unread(token):
                    if index - 1 not in self._ends.missing:
                        index = max(index, end)
                        continue
                    self._report_missing_end(token)
                self._start(token, end)
        while self._open:
            self._open.pop()[1]()

    def _start(self, tag: Tag, end: int) -> None:
        endings: list[_End] = []
        language = tag.attributes.get("lang") or tag.attributes.get("xml:lang")
        if language:
            style = self._builder.style
            self._builder.style = replace(style, language=language.text.strip() or None)
            endings.append(lambda: setattr(self._builder, "style", style))
        begin = self._elements.get(tag.name)
        if begin:
            if ending := begin(tag):
                endings.append(ending)
        elif heading := _HEADING.fullmatch(tag.name):
            endings.append(self._heading(int(heading[1])))
        elif tag.name in self._paragraphs:
            self._builder.paragraph()
            endings.append(self._builder.paragraph)
        self._open += [(end, ending) for ending in endings]

    def _text(self, token: Text) -> None:
        position = token.start
        if not token.is_raw:
            for match in CHARACTER_REFERENCE.finditer(self._source, token.start, token.end):
                said = unescape(match[0])
                if said == match[0]:
                    continue
                self._characters(position, match.start())
                position = match.end()
                self._builder.insert(said, self._base + match.start(), self._base + position)
        self._characters(position, token.end)

    def _characters(self, start: int, end: int) -> None:
        start, end = start + self._base, end + self._base
        index = max(0, bisect_right(self._ranges, start, key=itemgetter(0)) - 1)
        while index < len(self._ranges) and self._ranges[index][0] < end:
            range_start, range_end = self._ranges[index]
            piece = max(start, range_start), min(end, range_end)
            if self._pre_depth:
                self._builder.add(*piece)
            else:
                self._builder.flow(*piece)
            index += 1

    def _is_unread(self, tag: Tag) -> bool:
        attributes = tag.attributes
        if tag.name in self._unread:
            return True
        if tag.name == "code" and self._pre_depth:
            line = self._builder.line_number(self._base + tag.start)
            self._builder.warn(f"the code at line {line} was not read")
            return True
        if not attributes or tag.name in ("html", "body"):
            return False
        if "hidden" in attributes or _is(attributes.get("aria-hidden"), "true"):
            return True
        if (style := attributes.get("style")) and _HIDDEN_STYLE.search(style.text):
            return True
        roles = (attributes[one].text for one in ("role", "epub:type") if one in attributes)
        return any(role in self._unread_roles for one in roles for role in one.lower().split())

    def _report_missing_end(self, tag: Tag) -> None:
        line = self._builder.line_number(self._base + tag.start)
        self._builder.warn(
            f"<{tag.name[:40]}> at line {line} has no end tag; what follows it was read"
        )

    def _place(self, tag: Tag) -> tuple[int, int]:
        return self._base + tag.start, self._base + tag.end

    def _list(self, tag: Tag) -> _End:
        number = 1 if tag.name == "ol" else None
        if number and (start := tag.attributes.get("start")):
            number = _number(start, number)
        self._numbers.append(number)
        begin = self._builder.line if self._items else self._builder.paragraph
        begin()

        def end() -> None:
            self._numbers.pop()
            begin()

        return end

    def _item(self, tag: Tag) -> _End:
        if self._items:
            self._builder.pause("item")
        self._items += 1
        self._builder.line()
        bullet = "- "
        if self._numbers and (number := self._numbers[-1]) is not None:
            if value := tag.attributes.get("value"):
                number = _number(value, number)
            bullet = f"{number}. "
            self._numbers[-1] = number + 1
        self._builder.prefix(bullet, *self._place(tag))

        def end() -> None:
            self._items -= 1
            self._builder.drop_prefix()
            self._builder.pause("item")
            self._builder.line()

        return end

    def _row(self, _: Tag) -> _End:
        self._builder.row()
        return self._builder.end_row

    def _cell(self, _: Tag) -> None:
        self._builder.cell()

    def _line_break(self, _: Tag) -> None:
        self._builder.newline()

    def _rule(self, tag: Tag) -> None:
        self._builder.paragraph()
        self._builder.insert(_RULE, *self._place(tag))
        self._builder.paragraph()

    def _image(self, tag: Tag) -> None:
        if alt := tag.attributes.get("alt"):
            self._text(Text(alt.start, alt.end))

    def _preformatted(self, _: Tag) -> _End:
        def end() -> None:
            self._pre_depth -= 1
            self._builder.paragraph()

        self._pre_depth += 1
        self._builder.paragraph()
        return end

    def _heading(self, level: int) -> _End:
        self._builder.paragraph()
        since = self._builder.begin()

        def end() -> None:
            self._builder.heading(since, level)
            self._builder.paragraph()

        return end


def _with_gaps_blank(source: str, ranges: Sequence[tuple[int, int]]) -> str:
    """What is in the ranges, with spaces for what is between them."""
    parts: list[str] = []
    position = ranges[0][0]
    for start, end in ranges:
        parts += " " * (start - position), source[start:end]
        position = end
    return "".join(parts)


def _is(value: Value | None, text: str) -> bool:
    return value is not None and value.text.strip().lower() == text


def _number(value: Value, otherwise: int) -> int:
    digits = value.text.strip()
    usable = digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_NUMBER_DIGITS
    return int(digits) if usable else otherwise
