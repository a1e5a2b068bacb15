"""Places in a text: bytes, characters, lines and columns."""

from __future__ import annotations


class ByteOffsets:
    """From offsets in a text's UTF-8 form to offsets in its characters.

    Attributes:
        data: the text in UTF-8.
    """

    __slots__ = ("_before", "data")

    def __init__(self, text: str) -> None:
        self.data = text.encode()
        self._before = None
        if len(self.data) != len(text):
            import numpy as np

            starts = (np.frombuffer(self.data, np.uint8) & 0xC0) != 0x80
            self._before = np.concatenate(([0], np.cumsum(starts, dtype=np.uint32)))

    def character(self, offset: int) -> int:
        """The offset in characters of the character that begins at a byte."""
        return offset if self._before is None else int(self._before[offset])


def line_column(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a character, both from 1."""
    line_start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - line_start + 1
