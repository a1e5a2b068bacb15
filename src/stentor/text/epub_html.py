"""A book as one text."""

from __future__ import annotations

import re
from html import escape, unescape

from stentor.text.epub import Book, Chapter
from stentor.text.markup.from_html import read_html

# The documents of a book are XML, in which `<a/>` and `<title/>` are whole elements.
_PROLOG = '<?xml version="1.0"?>\n'
# How much of a chapter, beyond its title's length, may come before its title.
_OPENING_CHARS = 200


_ELEMENT = re.compile(
    r"<(?P<name>p|div|span|b|strong)\b[^>]{0,500}>(?P<inside>[^\n]{0,500}?)</(?P=name)>"
)
_TAG = re.compile(r"<[^<>]{0,500}>")


def book_html(book: Book) -> str:
    """The chapters in one HTML text.

    A chapter that does not open with its title of the table of contents is given it as a heading.
    """
    parts = [_PROLOG]
    for chapter in book.chapters:
        html = chapter.html
        if chapter.title:
            if not _opens_with_title(chapter, chapter.title):
                parts.append(f"<h1>{escape(chapter.title)}</h1>\n")
            elif not read_html(html).headings:
                html = _with_heading(html, chapter.title)
        parts += [html, "\n"]
    return "".join(parts)


def _with_heading(html: str, title: str) -> str:
    """The document, the element that holds its title made a heading."""
    for match in _ELEMENT.finditer(html):
        if _letters(unescape(_TAG.sub("", match["inside"]))) == _letters(title):
            heading = f"<h1>{match['inside']}</h1>"
            return html[: match.start()] + heading + html[match.end() :]
    return html


def _opens_with_title(chapter: Chapter, title: str) -> bool:
    text = read_html(chapter.html).text
    return _letters(title) in _letters(text[: len(title) + _OPENING_CHARS])


def _letters(text: str) -> str:
    """What two ways to set the same title have in common."""
    return "".join(filter(str.isalnum, text.casefold()))
