"""A book as one text."""

from __future__ import annotations

from html import escape

from stentor.text.epub import Book, Chapter
from stentor.text.markup.from_html import read_html

# The documents of a book are XML, in which `<a/>` and `<title/>` are whole elements.
_PROLOG = '<?xml version="1.0"?>\n'
# How much of a chapter, beyond its title's length, may come before its title.
_OPENING_CHARS = 200


def book_html(book: Book) -> str:
    """The chapters in one HTML text.

    A chapter that does not open with its title of the table of contents is given it as a heading.
    """
    parts = [_PROLOG]
    for chapter in book.chapters:
        if chapter.title and not _opens_with_title(chapter, chapter.title):
            parts.append(f"<h1>{escape(chapter.title)}</h1>\n")
        parts += [chapter.html, "\n"]
    return "".join(parts)


def _opens_with_title(chapter: Chapter, title: str) -> bool:
    text = read_html(chapter.html).text
    return _letters(title) in _letters(text[: len(title) + _OPENING_CHARS])


def _letters(text: str) -> str:
    """What two ways to set the same title have in common."""
    return "".join(filter(str.isalnum, text.casefold()))
