"""Reading Markdown: CommonMark with tables, strikethrough, task lists, footnotes, front matter.

The parser is pulldown-cmark, which tells the place of everything that it finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stentor.text.markup.builder import Builder
from stentor.text.markup.from_html import HtmlReader
from stentor.text.markup.marked import Marked, Spans
from stentor.text.markup.offsets import ByteOffsets

_LINE_BREAK_TAG = "<br"


def read_markdown(source: str) -> Marked:
    """Read a Markdown document. Anything is Markdown; nothing is refused."""
    try:
        return _Reader(source).read()
    except BaseException as error:
        # A panic in the Rust library is no Exception, and its class cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        warning = "the Markdown could not be parsed; it was read as plain text"
        return Marked(
            source, Spans([(0, 0, len(source))], len(source)), "text", warnings=(warning,)
        )


_LABEL = re.compile(r"[ \t]*[*_]*[^\W\d_][^:\n]{0,60}:[*_]*[ \t]")


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self._builder = Builder(source)
        self._numbers: list[int | None] = []
        self._items = 0
        self._since = 0
        self._is_unread = False
        self._html: list[tuple[int, int]] | None = None
        self._starts: dict[str, Callable[[Any, int, int], None]] = {
            "Paragraph": self._paragraph,
            "BlockQuote": self._paragraph,
            "FootnoteDefinition": self._paragraph,
            "Heading": self._heading,
            "List": self._list,
            "Item": self._item,
            "CodeBlock": self._code_block,
            "HtmlBlock": self._html_block,
            "MetadataBlock": self._front_matter,
            "Table": self._paragraph,
            "TableHead": self._row,
            "TableRow": self._row,
            "TableCell": self._cell,
        }
        self._ends: dict[str, Callable[[Any, int, int], None]] = {
            "Paragraph": self._paragraph,
            "BlockQuote": self._paragraph,
            "FootnoteDefinition": self._paragraph,
            "Heading": self._end_heading,
            "List": self._end_list,
            "Item": self._end_item,
            "CodeBlock": self._end_unread,
            "HtmlBlock": self._end_html_block,
            "MetadataBlock": self._end_unread,
            "Table": self._paragraph,
            "TableHead": self._end_row,
            "TableRow": self._end_row,
        }
        self._leaves: dict[str, Callable[[Any, int, int], None]] = {
            "Text": self._text,
            "Code": self._code,
            "Html": self._html_line,
            "InlineHtml": self._inline_html,
            "SoftBreak": self._soft_break,
            "HardBreak": self._hard_break,
            "Rule": self._rule,
        }

    def read(self) -> Marked:
        import pyromark

        options = (
            pyromark.Options.ENABLE_TABLES
            | pyromark.Options.ENABLE_STRIKETHROUGH
            | pyromark.Options.ENABLE_TASKLISTS
            | pyromark.Options.ENABLE_FOOTNOTES
            | pyromark.Options.ENABLE_YAML_STYLE_METADATA_BLOCKS
        )
        body = self._source.removeprefix("\ufeff")
        shift = len(self._source) - len(body)
        offsets = ByteOffsets(body)
        for event, place in pyromark.events_with_range(body, options=options):
            start = shift + offsets.character(place["start"])
            end = shift + offsets.character(place["end"])
            name, value = event if isinstance(event, tuple) else _unpacked(event)
            handlers = self._leaves
            if name in ("Start", "End"):
                handlers = self._starts if name == "Start" else self._ends
                name, value = _unpacked(value)
            if handler := handlers.get(name):
                handler(value, start, end)
        return self._builder.finish("markdown")

    def _paragraph(self, *_: object) -> None:
        self._builder.paragraph()

    def _heading(self, *_: object) -> None:
        self._builder.paragraph()
        self._since = self._builder.begin()

    def _end_heading(self, level: str, *_: object) -> None:
        self._builder.heading(self._since, int(level[-1]))
        self._builder.paragraph()

    def _list(self, number: int | None, *_: object) -> None:
        self._numbers.append(number)
        self._begin_list()

    def _end_list(self, *_: object) -> None:
        self._numbers.pop()
        self._begin_list()

    def _begin_list(self) -> None:
        if self._items:
            self._builder.line()
        else:
            self._builder.paragraph()

    def _item(self, _: object, start: int, end: int) -> None:
        if self._items:
            self._builder.pause("item")
        self._items += 1
        self._builder.line()
        number = self._numbers[-1]
        bullet = "- "
        if number is not None:
            bullet = f"{number}. "
            self._numbers[-1] = number + 1
        length = len(self._source[start : start + len(bullet)])
        self._builder.prefix(bullet, start, min(start + length, end))

    def _end_item(self, *_: object) -> None:
        self._items -= 1
        self._builder.drop_prefix()
        self._builder.pause("item")
        self._builder.line()

    def _row(self, *_: object) -> None:
        self._builder.row()

    def _end_row(self, *_: object) -> None:
        self._builder.end_row()

    def _cell(self, *_: object) -> None:
        self._builder.cell()

    def _code_block(self, kind: str | dict[str, str], start: int, _: int) -> None:
        self._builder.paragraph()
        # Four spaces before a paragraph make it code by accident as often as not: that is read.
        if kind != "Indented":
            self._is_unread = True
            line = self._builder.line_number(start)
            self._builder.warn(f"the code block at line {line} was not read")

    def _front_matter(self, _: object, start: int, __: int) -> None:
        self._is_unread = True
        line = self._builder.line_number(start)
        self._builder.warn(f"the front matter at line {line} was not read")

    def _end_unread(self, *_: object) -> None:
        self._is_unread = False
        self._builder.paragraph()

    def _html_block(self, *_: object) -> None:
        self._html = []

    def _html_line(self, _: str, start: int, end: int) -> None:
        if self._html is None:
            return
        if self._html and self._html[-1][1] == start:
            start = self._html.pop()[0]
        self._html.append((start, end))

    def _end_html_block(self, *_: object) -> None:
        lines, self._html = self._html, None
        self._builder.paragraph()
        if lines:
            # What is between the lines, such as the bracket of a block quotation, is not HTML.
            HtmlReader(self._builder, lines, is_xml=False).read()
        self._builder.paragraph()

    def _inline_html(self, tag: str, *_: object) -> None:
        if tag.lower().startswith(_LINE_BREAK_TAG):
            self._builder.newline()

    def _text(self, text: str, start: int, end: int) -> None:
        if self._is_unread:
            return
        if self._source[start:end] == text:
            self._builder.flow(start, end)
        else:
            self._builder.insert(text, start, end)

    def _code(self, text: str, start: int, end: int) -> None:
        at = self._source.find(text, start, end)
        if at >= 0:
            self._builder.flow(at, at + len(text))
        else:
            self._builder.insert(text, start, end)

    def _soft_break(self, _: object, start: int, end: int) -> None:
        # A speaker's label counts at the beginning of a line only.
        if _LABEL.match(self._source, end):
            self._builder.line()
        else:
            self._builder.space(start, end)

    def _hard_break(self, *_: object) -> None:
        self._builder.newline()

    def _rule(self, _: object, start: int, end: int) -> None:
        self._builder.paragraph()
        self._builder.flow(start, end)
        self._builder.paragraph()


def _unpacked(event: Any) -> tuple[str, Any]:
    """Name and value of an event, which is `name` or `{name: value}`."""
    if isinstance(event, str):
        return event, None
    ((name, value),) = event.items()
    return name, value
