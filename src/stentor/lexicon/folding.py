"""What a text looks like to the rules, with the way back to the text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from stentor.text.characters import INVISIBLE, JOINERS
from stentor.text.rewrites import Rewrite, Rewritten

_PARAGRAPH = "\u2029"
"""Stands for white space with an empty line in it, which no grapheme reaches across."""

_LAST_MARK_BEFORE_PLANE_14 = 0x1E95F
# Scripts that set no spaces between words: kana, bopomofo, Han, Thai, Lao, Myanmar, Khmer, Tai.
# Source: the blocks of Unicode's scripts with the line break class SA or ID.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aad\u2e80-\u2fdf\u3005-\u3007"
    "\u3021-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaadf\uf900-\ufaff"
    "\uff66-\uff9f\U00016fe0-\U00018d8f\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_SAME = {
    **dict.fromkeys(map(ord, "‘’ʼ＇"), "'"),
    **dict.fromkeys(map(ord, "‐‑"), "-"),
    **{
        code: " "
        for code in range(0x3001)
        if chr(code).isspace() and chr(code) not in f" {_PARAGRAPH}"
    },
}
_LOOSE = re.compile(rf"\s\s+|[{INVISIBLE}]+")
_LINE_END = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")


class Folded:
    """A text as rules are matched against it.

    White space is one space, or `_PARAGRAPH` where there is an empty line; invisible characters
    are gone; what Unicode has in one character is in one (NFC); typographic apostrophes and
    hyphens are plain ones.

    Attributes:
        text: the text so folded.
    """

    __slots__ = ("_way_back", "text")

    def __init__(self, source: str) -> None:
        changes = list(_changes(source))
        self._way_back = Rewritten(source, changes) if changes else None
        folded = self._way_back.text if self._way_back else source
        self.text = folded.translate(_SAME)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the source that `[start, end)` of `text`, which is not empty, stands for."""
        return self._way_back.span(start, end) if self._way_back else (start, end)


def fold_case(text: str) -> str:
    """The text without case, character by character.

    Full case folding where it leaves one character; `ß`, for one, stays as it is.
    """
    folded = text.casefold()
    return folded if len(folded) == len(text) else text.translate(_SIMPLE_FOLDING)


def words(text: str) -> list[str]:
    """Take a text apart into words and into what stands between them, character by character.

    A word is a run of letters, marks and numbers; in scripts without spaces, one character with
    its marks.
    """
    found: list[str] = _word().findall(text)
    return found


def characters(text: str) -> list[str]:
    """Take a text apart into what a reader sees as one character: each with its marks."""
    return list(text) if text.isascii() else _character().findall(text)


class _SimpleFolding(dict[int, int]):
    def __missing__(self, code: int) -> int:
        character = chr(code)
        for folded in (character.casefold(), character.lower()):
            if len(folded) == 1:
                break
        else:
            folded = character
        self[code] = ord(folded)
        return self[code]


_SIMPLE_FOLDING = _SimpleFolding()


def _changes(source: str) -> Iterator[Rewrite]:
    pattern = _LOOSE
    if not source.isascii() and not unicodedata.is_normalized("NFC", source):
        pattern = _loose_or_decomposed()
    for match in pattern.finditer(source):
        found = match.group()
        if found[0].isspace():
            said = _PARAGRAPH if len(_LINE_END.findall(found)) > 1 else " "
        elif len(found) > 1 and unicodedata.combining(found[-1]):
            said = unicodedata.normalize("NFC", found)
        else:
            said = ""
        if said != found:
            yield Rewrite(*match.span(), said)


@cache
def _loose_or_decomposed() -> re.Pattern[str]:
    return re.compile(rf"{_LOOSE.pattern}|[^\s{INVISIBLE}{_marks()}][{_marks()}]+")


@cache
def _word() -> re.Pattern[str]:
    letter = rf"[^\W_{_UNSPACED}]"
    marks = f"[{_marks()}{JOINERS}]"
    return re.compile(rf"{letter}+(?:{marks}+{letter}*)*|[{_UNSPACED}]{marks}*|[\s\S]")


@cache
def _character() -> re.Pattern[str]:
    return re.compile(rf"[\s\S][{_marks()}{JOINERS}]*")


@cache
def _marks() -> str:
    """All combining marks, for a regular expression's class."""
    codes = [
        code
        for code in (*range(0x300, _LAST_MARK_BEFORE_PLANE_14), *range(0xE0100, 0xE01F0))
        if unicodedata.category(chr(code)).startswith("M")
    ]
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
