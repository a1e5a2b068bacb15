"""Emoji by their names in Unicode's CLDR, from the package `emoji`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from stentor.text.rewrites import Rewrite

_PERHAPS = re.compile("[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]")
_AS_TEXT = "\u2600"
"""Characters before it are signs like ™ and ▶ unless they are followed by a variation selector."""
_MODIFIERS = re.compile("[\U0001f3fb-\U0001f3ff]")


def emoji_rewrites(
    text: str, language: str, wanted: Literal["speak", "drop", "keep"]
) -> Iterator[Rewrite]:
    """Emoji said by their names, or left out. One that is repeated at once is said once.

    Args:
        language: ISO 639-1; English names where there are none.
    """
    if wanted == "keep" or not _PERHAPS.search(text):
        return
    import emoji

    names = language if language in emoji.LANGUAGES else "en"
    if names != "en":
        emoji.config.load_language(names)
    last, end = "", 0
    for token in emoji.analyze(text, non_emoji=False, join_emoji=True):
        match = token.value
        assert not isinstance(match, str)
        if match.emoji[0] < _AS_TEXT and "\ufe0f" not in match.emoji:
            continue
        said = ""
        if wanted == "speak" and not (match.emoji == last and match.start == end):
            said = _name(match.emoji, names)
        yield Rewrite(match.start, match.end, said)
        last, end = match.emoji, match.end


def _name(char: str, language: str) -> str:
    import emoji

    plain = _MODIFIERS.sub("", char)
    for form in (plain, plain + "\ufe0f", char):
        data = emoji.EMOJI_DATA.get(form)
        if data:
            name: str = data.get(language) or data["en"]
            return name.strip(":").replace("_", " ")
    return ""
