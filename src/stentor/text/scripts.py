"""Whether a text is written as a language is."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

MOST_LETTERS = 2000
FEWEST_LETTERS = 20
_LETTER = re.compile(r"[^\W\d_]")

# How Unicode's names of letters begin, by language; all others are written in Latin letters.
_SCRIPTS: dict[str, tuple[str, ...]] = {
    "ar": ("ARABIC",), "fa": ("ARABIC",), "ur": ("ARABIC",), "he": ("HEBREW",), "el": ("GREEK",),
    "ru": ("CYRILLIC",), "uk": ("CYRILLIC",), "bg": ("CYRILLIC",), "be": ("CYRILLIC",),
    "mk": ("CYRILLIC",), "kk": ("CYRILLIC",), "sr": ("CYRILLIC", "LATIN"), "hy": ("ARMENIAN",),
    "ka": ("GEORGIAN",), "hi": ("DEVANAGARI",), "mr": ("DEVANAGARI",), "ne": ("DEVANAGARI",),
    "bn": ("BENGALI",), "pa": ("GURMUKHI",), "gu": ("GUJARATI",), "ta": ("TAMIL",),
    "te": ("TELUGU",), "kn": ("KANNADA",), "ml": ("MALAYALAM",), "th": ("THAI",),
    "ja": ("CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH"), "zh": ("CJK",), "yue": ("CJK",),
    "ko": ("HANGUL", "CJK"),
}  # fmt: skip


def is_foreign(text: str, language: str) -> bool:
    """Whether most letters of a text's beginning are none that the language is written in.

    Args:
        language: BCP 47 tag.
    """
    expected = _SCRIPTS.get(language.replace("_", "-").lower().partition("-")[0], ("LATIN",))
    counts: Counter[bool] = Counter()
    for number, letter in enumerate(_LETTER.finditer(text)):
        if number >= MOST_LETTERS:
            break
        counts[unicodedata.name(letter.group(), "").startswith(expected)] += 1
    return counts.total() >= FEWEST_LETTERS and counts[False] > counts[True]
