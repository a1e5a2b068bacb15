"""Chinese and Japanese numbers, dates and measures, through the transducers of wetext.

wetext fails on some texts, escapes quotation marks and takes time and memory that grow faster than
the text. So it is given short pieces with figures in them and nothing else; a piece that it fails
on stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from stentor.text.rewrites import Rewrite

if TYPE_CHECKING:
    from wetext import Normalizer

LANGUAGES = frozenset(("zh", "ja"))

_PIECE = re.compile(
    r"""[^\s"'\\，。！？；、：…“”「」『』（）()《》〈〉【】\[\]{}<>|~`^_@#&*]{1,60}"""
)
_FIGURES = re.compile(r"[0-9０-９]+")
_HALF_WIDTH = str.maketrans("０１２３４５６７８９．，％－／", "0123456789.,%-/")
_MOST_FIGURES = 20
"""What has more is a code or a flood, read figure by figure."""
_MOST_NUMBERS = 8
_SINGLY = {
    "zh": str.maketrans("0123456789", "零一二三四五六七八九"),
    "ja": str.maketrans("0123456789", "〇一二三四五六七八九"),
}


def wfst_rewrites(text: str, language: str) -> Iterator[Rewrite]:
    """The rewrites of a text, in order.

    Args:
        language: one of `LANGUAGES`.
    """
    for piece in _PIECE.finditer(text):
        written = piece[0].translate(_HALF_WIDTH)
        numbers = _FIGURES.findall(written)
        if not numbers:
            continue
        changes: list[Rewrite] = []
        if len(numbers) <= _MOST_NUMBERS and max(map(len, numbers)) <= _MOST_FIGURES:
            changes = _differences(piece.start(), piece[0], _said(written, language))
        if not changes or _loses(text, changes):
            singly = written.translate(_SINGLY[language])
            changes = _differences(piece.start(), piece[0], singly)
        yield from changes


def _said(written: str, language: str) -> str:
    try:
        said: str = _normaliser(language).normalize(written)
    except Exception:
        # It asserts that it has read something, which does not hold for every text.
        return ""
    return "" if "\\" in said else said


@lru_cache(maxsize=2)
def _normaliser(language: str) -> Normalizer:
    from wetext import Normalizer

    return Normalizer(lang=language)


def _loses(text: str, changes: list[Rewrite]) -> bool:
    """Whether letters or figures go without anything in their place."""
    return any(not one.text and any(map(str.isalnum, text[one.start : one.end])) for one in changes)


def _differences(start: int, written: str, said: str) -> list[Rewrite]:
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, written, said, autojunk=False)
    return [
        Rewrite(start + first, start + last, said[begin:end])
        for tag, first, last, begin, end in matcher.get_opcodes()
        if tag != "equal"
    ]
