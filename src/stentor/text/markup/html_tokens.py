"""Taking HTML apart into text and tags, with the place of each.

The rules are those of the HTML standard's tokenizer (section 13.2.5), as far as they decide what
is text and what is not. The parser of the standard library tells no offsets inside of tags and,
before Python 3.14, takes quadratic time for tags that are not closed.

Where the standard would lose text (at a tag or comment without an end), the text is kept.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

RAW_TEXT = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed"})
"""Elements whose content has no tags."""

CHARACTER_REFERENCE = re.compile(
    r"&(?:#(?:[0-9]++|[xX][0-9a-fA-F]++);?|[A-Za-z][A-Za-z0-9]{0,40}+;?)"
)
_LONGEST_NUMBER = len("&#x0010FFFF;")

_TAG_NAME = re.compile(r"[A-Za-z][^\s/>]*+")
_ATTRIBUTE = re.compile(r"[\s/]*+(?:([^\s/>][^\s/>=]*+)(\s*+=\s*+)?)?")
_UNQUOTED = re.compile(r"[^\s>]*+")
_CDATA = "<![CDATA["
_COMMENT_END = re.compile(r"--!?>")


@dataclass(frozen=True, slots=True)
class Value:
    """An attribute's value: `[start, end)` of the source, and what it stands for."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A start tag or an end tag at `[start, end)`.

    Attributes:
        name: in lower case, and so are the names of the attributes.
        is_empty: written like `<br/>`.
    """

    name: str
    start: int
    end: int
    is_end: bool = False
    is_empty: bool = False
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Text:
    """Text at `[start, end)`; with character references unless it is raw."""

    start: int
    end: int
    is_raw: bool = False


def tokens(source: str, *, is_xml: bool) -> Iterator[Tag | Text]:
    """The tags and texts of a source, in order. Comments are left out.

    Takes time in proportion to the length.

    Args:
        is_xml: whether a tag like `<script/>` ends itself.
    """
    return _Tokenizer(source, is_xml).read()


def unescape(reference: str) -> str:
    """The characters that a match of `CHARACTER_REFERENCE` stands for."""
    if reference.startswith("&#") and len(reference) > _LONGEST_NUMBER:
        return "\ufffd"
    return html.unescape(reference)


class _Tokenizer:
    def __init__(self, source: str, is_xml: bool) -> None:
        self._source = source
        self._is_xml = is_xml
        self._position = 0
        self._missing: set[str] = set()
        self._trust_quotes = True

    def read(self) -> Iterator[Tag | Text]:
        text_start = self._position
        while (at := self._find("<", self._position)) >= 0:
            self._position = at
            token = self._markup(at)
            if self._position == at:
                self._position = at + 1
                continue
            if text_start < at:
                yield Text(text_start, at)
            if token:
                yield token
            if isinstance(token, Tag) and self._has_raw_text(token):
                yield from self._raw_text(token.name)
            text_start = self._position
        if text_start < len(self._source):
            yield Text(text_start, len(self._source))

    def _has_raw_text(self, tag: Tag) -> bool:
        ends_itself = self._is_xml and tag.is_empty
        return tag.name in RAW_TEXT and not tag.is_end and not ends_itself

    def _markup(self, at: int) -> Tag | Text | None:
        """Read a tag or comment and move behind it; stay if there is none."""
        source = self._source
        mark = source[at + 1 : at + 2]
        if mark == "!" and source.startswith("<!--", at):
            self._skip_comment(at)
        elif mark == "!" and source.startswith(_CDATA, at):
            return self._cdata(at)
        elif mark in ("!", "?"):
            self._skip_to_bracket(at)
        elif mark == "/":
            if name := _TAG_NAME.match(source, at + 2):
                self._skip_to_bracket(at)
                if self._position > at:
                    return Tag(name[0].lower(), at, self._position, is_end=True)
            elif source.startswith("</>", at):
                self._position = at + len("</>")
        elif name := _TAG_NAME.match(source, at + 1):
            return self._start_tag(at, name)
        return None

    def _start_tag(self, at: int, name: re.Match[str]) -> Tag | None:
        bracket = self._find(">", at)
        if bracket < 0:
            return None
        end: int | None = None
        attributes: dict[str, Value] = {}
        if self._trust_quotes:
            end = self._read_attributes(name.end(), len(self._source), attributes)
        if end is None:
            # A quotation mark is not closed. From now on every tag ends at the next bracket;
            # otherwise each of them might be looked through to the end of the text in vain.
            self._trust_quotes = False
            attributes = {}
            end = bracket + 1
            self._read_attributes(name.end(), end, attributes)
        self._position = end
        return Tag(name[0].lower(), at, end, False, self._source[end - 2] == "/", attributes)

    def _cdata(self, at: int) -> Text | None:
        end = -1 if "]]>" in self._missing else self._source.find("]]>", at)
        if end < 0:
            self._missing.add("]]>")
            return None
        self._position = end + len("]]>")
        return Text(at + len(_CDATA), end, is_raw=True)

    def _skip_comment(self, at: int) -> None:
        for short in ("<!-->", "<!--->"):
            if self._source.startswith(short, at):
                self._position = at + len(short)
                return
        if "-->" in self._missing:
            return
        if end := _COMMENT_END.search(self._source, at + 4):
            self._position = end.end()
        else:
            self._missing.add("-->")

    def _skip_to_bracket(self, at: int) -> None:
        end = self._find(">", at)
        if end >= 0:
            self._position = end + 1

    def _read_attributes(
        self, position: int, limit: int, attributes: dict[str, Value]
    ) -> int | None:
        """Where the tag ends; None if that is not before `limit`."""
        source = self._source
        while match := _ATTRIBUTE.match(source, position, limit):
            position = match.end()
            if position >= limit:
                return None
            if match[1] is None:
                return position + 1
            start = end = position
            if match[2]:
                quote = source[position]
                if quote in "\"'":
                    start = position + 1
                    end = source.find(quote, start, limit)
                    if end < 0:
                        return None
                    position = end + 1
                elif unquoted := _UNQUOTED.match(source, position, limit):
                    end = position = unquoted.end()
            attributes.setdefault(match[1].lower(), Value(start, end, html_text(source[start:end])))
        return None

    def _raw_text(self, name: str) -> Iterator[Text]:
        """What there is up to the end tag; nothing if there is no end tag."""
        closing = f"</{name}"
        if closing in self._missing:
            return
        pattern = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
        end = pattern.search(self._source, self._position)
        if end is None:
            self._missing.add(closing)
            return
        if self._position < end.start():
            yield Text(self._position, end.start(), is_raw=True)
        self._position = end.start()

    def _find(self, character: str, position: int) -> int:
        """Where it is next, or -1, which is remembered."""
        if character in self._missing:
            return -1
        found = self._source.find(character, position)
        if found < 0:
            self._missing.add(character)
        return found


def html_text(source: str) -> str:
    """A text with its character references replaced."""
    return CHARACTER_REFERENCE.sub(lambda match: unescape(match[0]), source)
