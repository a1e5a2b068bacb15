"""Which characters are spoken, which are only seen, and which are neither."""

from __future__ import annotations

import re
import unicodedata

SPOKEN_SYMBOLS = frozenset({"Sc", "Sm", "So"})
"""Unicode categories of the symbols that a voice has words for: currency, mathematics, emoji."""

# Control characters and invisible format characters. Not here: white space, the joiners (they
# hold emoji and some scripts' words together) and the Arabic signs of category Cf, which are
# visible.
INVISIBLE = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
"""Characters that leave no trace in speech, for a regular expression's class."""

JOINERS = "\u200c\u200d"
"""Zero-width non-joiner and joiner."""

CLOSERS = "\"'”’»›)]}）】」』〉》"
TERMINATORS = ".!?…。！？｡؟۔।॥"

_LETTER_OR_NUMBER = re.compile(r"[^\W_]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def is_speakable(character: str) -> bool:
    """Whether a character stands for sound by itself: a letter, a number or a spoken symbol.

    Lines, blocks and geometric shapes (U+2500 to U+25FF) are drawn, not spoken.
    """
    if character.isalnum():
        return True
    drawn = "\u2500" <= character <= "\u25ff"
    return unicodedata.category(character) in SPOKEN_SYMBOLS and not drawn


def has_speech(text: str) -> bool:
    """Whether there is anything in the text that a voice can speak."""
    return bool(_LETTER_OR_NUMBER.search(text)) or any(map(is_speakable, set(text)))


def find_surrogate(text: str) -> int | None:
    """Where the first lone surrogate is, if there is one."""
    match = _SURROGATE.search(text)
    return match.start() if match else None


def splits_character(text: str, position: int) -> bool:
    """Whether a cut before `position` would tear apart what a reader sees as one character."""
    after = text[position]
    return (
        text[position - 1] == "\u200d"
        or after in JOINERS
        or unicodedata.category(after).startswith("M")
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
    )
