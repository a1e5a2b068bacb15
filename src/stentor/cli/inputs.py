"""Texts and dictionaries for the commands that work without a server."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stentor.contract import InputType
from stentor.errors import SpeechError, invalid
from stentor.lexicon.lexicon import Lexicon

KINDS: dict[str, InputType] = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".ssml": "ssml",
}
BOOK = ".epub"


@dataclass(frozen=True, slots=True)
class Input:
    """A text to speak.

    Attributes:
        warnings: what of a book is missing, in sentences.
        title, authors, language, cover: what a book says of itself.
    """

    text: str
    kind: InputType
    warnings: tuple[str, ...] = ()
    title: str | None = None
    authors: tuple[str, ...] = ()
    language: str | None = None
    cover: bytes | None = None


def read_input(text: str | None, file: Path | None, input_type: InputType | None) -> Input:
    """The text that was given, or that of a file, which is of the kind that its ending says.

    Args:
        file: `-` for standard input.
        input_type: what it is, whatever its ending says; a book stays a book.

    Raises:
        SpeechError: the file cannot be read, is not UTF-8 or is no book.
    """
    if text is not None:
        return Input(text, input_type or "auto")
    assert file is not None
    if file.suffix.lower() == BOOK:
        return _book(file)
    kind = input_type or KINDS.get(file.suffix.lower(), "auto")
    return Input(_decoded(_bytes(file), file), kind)


def read_lines(text: str | None, file: Path | None) -> Iterator[str]:
    """The lines of a text or a file, one after the other, without their line ends.

    Raises:
        SpeechError: as `read_input` does.
    """
    if text is not None:
        yield from text.removesuffix("\n").split("\n")
        return
    assert file is not None
    if file.suffix.lower() == BOOK:
        raise invalid(f"{file} is a book; expected lines of text", param="file")
    if str(file) == "-":
        for number, line in enumerate(sys.stdin.buffer):
            yield _line(_decoded(line, file, is_first=number == 0))
        return
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines):
                yield _line(_decoded(line, file, is_first=number == 0))
    except OSError as error:
        raise _unreadable(file, error) from error


def read_dictionaries(files: Sequence[Path]) -> tuple[Lexicon, ...]:
    """The dictionaries in PLS documents.

    Raises:
        SpeechError: one cannot be read; the message names the file, and the place in it.
    """
    from stentor.lexicon.pls import parse_pls

    lexicons: list[Lexicon] = []
    for file in files:
        try:
            lexicons.append(Lexicon(tuple(parse_pls(_bytes(file)))))
        except SpeechError as error:
            said = error.message if str(file) in error.message else f"{file}: {error.message}"
            raise invalid(said, param="dictionary") from error
    return tuple(lexicons)


def _book(file: Path) -> Input:
    from stentor.text.epub import read_epub
    from stentor.text.epub_html import book_html

    try:
        book = read_epub(file)
    except OSError as error:
        raise _unreadable(file, error) from error
    return Input(
        book_html(book),
        "html",
        tuple(book.warnings),
        book.title,
        tuple(book.authors),
        book.language,
        book.cover,
    )


def _bytes(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> SpeechError:
    return invalid(f"{file} cannot be read: {error.strerror}", param="file")


def _decoded(data: bytes, file: Path, *, is_first: bool = True) -> str:
    try:
        return data.decode("utf-8-sig" if is_first else "utf-8")
    except UnicodeDecodeError as error:
        raise invalid(
            f"{file} is not UTF-8 text: {error.reason} at byte {error.start}", param="file"
        ) from error


def _line(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")
