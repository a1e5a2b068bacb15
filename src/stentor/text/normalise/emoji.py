"""Emoji by their names in Unicode's CLDR, from the package `emoji`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from stentor.text.rewrites import Rewrite

_SINGLE = "\u00a9\u00ae\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_RUN = re.compile(
    f"(?:[0-9#*]\ufe0f?\u20e3|[{_SINGLE}])"
    f"(?:[0-9#*]\ufe0f?\u20e3|[{_SINGLE}\u200d\ufe0f\U000e0020-\U000e007f]){{0,63}}"
)
"""What may be emoji, in pieces: the package's time grows with the square of what is joined."""
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
    runs = [] if wanted == "keep" else list(_RUN.finditer(text))
    if not runs:
        return
    import emoji

    names = language if language in emoji.LANGUAGES else "en"
    if names != "en":
        emoji.config.load_language(names)
    last, end = "", 0
    for run in runs:
        for token in emoji.emoji_list(run[0]):
            char = str(token["emoji"])
            start = run.start() + int(token["match_start"])
            if char[0] < _AS_TEXT and "\ufe0f" not in char:
                continue
            repeated = char == last and start == end
            last, end = char, run.start() + int(token["match_end"])
            said = _name(char, names) if wanted == "speak" and not repeated else ""
            yield Rewrite(start, end, said)


def _name(char: str, language: str) -> str:
    import emoji

    plain = _MODIFIERS.sub("", char)
    for form in (plain, plain + "\ufe0f", char):
        data = emoji.EMOJI_DATA.get(form)
        if data:
            name: str = data.get(language) or data["en"]
            return name.strip(":").replace("_", " ")
    return ""
