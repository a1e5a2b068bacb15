"""Phonetic alphabets, and the way from each of them to IPA.

`arpabet.tsv` and `xsampa.tsv` beside this file are the tables.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files

ALPHABETS = ("ipa", "cmu-arpabet", "x-sampa")
"""The alphabets that a rule can be written in, as their usual names are."""

_OTHER_NAMES = {
    "cmu": "cmu-arpabet",
    "arpabet": "cmu-arpabet",
    "x-arpabet": "cmu-arpabet",
    "x-cmu-arpabet": "cmu-arpabet",
    "xsampa": "x-sampa",
}
_STRESS = {"0": "", "1": "ˈ", "2": "ˌ"}

# Latin letters, the blocks of phonetic letters, modifiers and combining marks, and what IPA takes
# from elsewhere. Source: the chart of the International Phonetic Association (2020) and the names
# of Unicode's blocks.
_NOT_IPA = re.compile(
    r"[^a-zæçðøħŋœǀ-ǃβθχⱱ\u0250-\u02ff\u0300-\u036f\u1d00-\u1dbf\u1dc4-\u1dcb"
    "ᵻᵿꜛꜜ↗↘ⁿ‿|‖. ()-]"
)
# What is typed for a character of IPA that no keyboard has.
_TYPED = str.maketrans({"g": "ɡ", ":": "ː", "'": "ˈ", "’": "ʼ", ",": "ˌ"})
_ENCLOSED = re.compile(r"\s*(?:/([^/]*)/|\[([^\[\]]*)\])\s*")


class NotPhonemes(ValueError):
    """A transcription that is not one of its alphabet; the message says what is wrong with it."""


def read_alphabet(name: str) -> str:
    """One of `ALPHABETS`, by any of its names and in any case.

    Raises:
        NotPhonemes: there is no such alphabet.
    """
    lower = name.strip().lower()
    known = _OTHER_NAMES.get(lower, lower)
    if known not in ALPHABETS:
        raise NotPhonemes(f"expected one of {', '.join(ALPHABETS)}, got {name[:40]!r}")
    return known


def to_ipa(phonemes: str, alphabet: str) -> str:
    """A transcription in IPA, in Unicode's form NFC and with single spaces.

    IPA may stand between slashes or square brackets. A mark of stress in ARPABET comes to stand
    before its vowel, as espeak-ng, Piper and Kokoro have it.

    Args:
        alphabet: one of `ALPHABETS`.

    Raises:
        NotPhonemes: it is empty or has what the alphabet does not know.
    """
    if alphabet == "cmu-arpabet":
        ipa = _from_arpabet(phonemes)
    elif alphabet == "x-sampa":
        ipa = _from_xsampa(phonemes)
    else:
        enclosed = _ENCLOSED.fullmatch(phonemes)
        ipa = (enclosed[1] or enclosed[2] or "") if enclosed else phonemes
        ipa = ipa.translate(_TYPED)
    ipa = unicodedata.normalize("NFC", " ".join(ipa.split()))
    # NFC writes ç and æ̃ in one character where there is one; nothing else leaves the blocks.
    if wrong := _NOT_IPA.search(unicodedata.normalize("NFD", ipa.replace("ç", "c"))):
        raise NotPhonemes(
            f"{wrong.group()!r} (U+{ord(wrong.group()):04X}) is no character of the International "
            "Phonetic Alphabet"
        )
    if not ipa:
        raise NotPhonemes("it is empty")
    return ipa


def _from_arpabet(phonemes: str) -> str:
    table = _arpabet()
    parts = []
    for symbol in phonemes.split():
        name, stress = symbol.upper(), None
        if name[-1] in _STRESS:
            name, stress = name[:-1], name[-1]
        if name not in table:
            raise NotPhonemes(
                f"{symbol[:20]!r} is no symbol of ARPABET; they stand apart, as in 'N IY1 SH'"
            )
        stressed, unstressed = table[name]
        parts.append(_STRESS[stress or "0"] + (unstressed if stress == "0" else stressed))
    return "".join(parts)


def _from_xsampa(phonemes: str) -> str:
    table, symbol = _xsampa()
    parts = []
    position = 0
    while position < len(phonemes):
        found = symbol.match(phonemes, position)
        if found is None:
            raise NotPhonemes(f"{phonemes[position]!r} at {position + 1} is no symbol of X-SAMPA")
        parts.append(table.get(found.group(), " "))
        position = found.end()
    return "".join(parts)


@cache
def _arpabet() -> dict[str, tuple[str, str]]:
    return {name: (ipa[0], ipa[-1]) for name, *ipa in _rows("arpabet.tsv")}


@cache
def _xsampa() -> tuple[dict[str, str], re.Pattern[str]]:
    table = dict(_rows("xsampa.tsv"))
    longest_first = sorted(table, key=len, reverse=True)
    return table, re.compile("|".join([*map(re.escape, longest_first), r"\s+"]))


def _rows(name: str) -> list[list[str]]:
    text = files("stentor.lexicon").joinpath(name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("# ")]
