"""Reading markup in tests."""

from __future__ import annotations

from stentor.text.markup.marked import Marked
from stentor.text.markup.read import read_markup


class Reading:
    """An input, as it was read.

    Attributes:
        marked: the result.
    """

    def __init__(self, source: str, kind: str) -> None:
        self.source = source
        self.marked: Marked = read_markup(source, kind)  # type: ignore[arg-type]
        self.text = self.marked.text

    def source_of(self, part: str) -> str:
        """The characters of the input that a part of the text came from."""
        start = self.text.index(part)
        source_start, source_end = self.marked.source_span(start, start + len(part))
        return self.source[source_start:source_end]

    def before(self, *kinds: str) -> list[str]:
        """For each break, the word that it comes after."""
        return [
            self.text[: mark.offset].split()[-1] if mark.offset else ""
            for mark in self.marked.breaks
            if mark.kind in kinds
        ]

    def said(self) -> list[tuple[str, str, str | None]]:
        """What is written, what is said instead, and its phonemes."""
        return [
            (self.text[one.start : one.end], one.text, one.phonemes) for one in self.marked.rewrites
        ]
