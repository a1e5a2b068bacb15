"""What captions are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """A word, or a part of one that is wider than a line, with the punctuation around it.

    Attributes:
        text: one line, not empty.
        is_spaced: whether a space sets it off from the piece before it in the line.
        start_ms: when it begins to be spoken.
        word: place of its word among the words, from 0.
    """

    text: str
    is_spaced: bool
    start_ms: int
    word: int


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at one time.

    Attributes:
        start_ms, end_ms: `[start, end)`, never empty.
        lines: one or two, each of at least one piece.
    """

    start_ms: int
    end_ms: int
    lines: tuple[tuple[Piece, ...], ...]

    @property
    def text(self) -> str:
        """The lines, with line feeds between them."""
        return "\n".join(map(join, self.lines))


def join(line: tuple[Piece, ...]) -> str:
    """The text of one line."""
    first, *rest = line
    return first.text + "".join(" " * piece.is_spaced + piece.text for piece in rest)
