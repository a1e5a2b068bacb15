"""What captions are made of, and what they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was spoken.

    Attributes:
        text: as it is shown.
        start_ms, end_ms: in the audio.
        char_start, char_end: where it came from, `[start, end)` in characters of the caller's
            text.
    """

    text: str
    start_ms: int
    end_ms: int
    char_start: int
    char_end: int


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
