"""Addresses on the net, in any language."""

from __future__ import annotations

import re

from stentor.text.normalise.template import Reading
from stentor.text.normalise.vocabulary import Vocabulary

_PIECES = re.compile(r"[0-9]+|[^\W\d_]+|.", re.DOTALL)


class Electronic:
    """Reads e-mail addresses, URLs and names of hosts and files.

    Args:
        signs: how their punctuation is read.
        words: how some of their parts are read.
        digits: reads figures one by one.
        cardinal: reads round numbers.
    """

    def __init__(
        self, signs: Vocabulary, words: Vocabulary, digits: Reading, cardinal: Reading
    ) -> None:
        self._signs = signs
        self._words = words
        self._digits = digits
        self._cardinal = cardinal

    def __call__(self, written: str) -> str:
        """Words as they are, signs by name, figures one by one unless the number is round."""
        return " ".join(self._said(piece) for piece in _PIECES.findall(written))

    def _said(self, piece: str) -> str:
        if piece.isascii() and piece.isdigit():
            is_round = len(piece) == 4 and piece.endswith("000") and piece[0] != "0"
            return self._cardinal(piece) if is_round else self._digits(piece)
        known = self._words.get(piece) or self._signs.get(piece)
        return known[0] if known else piece
