"""Telling a text in capitals from a text with abbreviations in capitals."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+")
_LEAST_WORDS = 3
_LOOKED_AT = 2000


def is_shouted(text: str, known: frozenset[str]) -> bool:
    """Whether capitals are used for emphasis: at least three words, none in lower case.

    Args:
        known: abbreviations, which say nothing about the rest.
    """
    words = 0
    for match in _WORD.finditer(text, 0, _LOOKED_AT):
        word = match[0]
        if word != word.upper():
            return False
        words += len(word) > 1 and word != word.lower() and word not in known
    return words >= _LEAST_WORDS
