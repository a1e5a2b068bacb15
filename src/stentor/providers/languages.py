"""BCP 47 tags out of what vendors write for a language."""

from __future__ import annotations

import re

_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


def language_tag(text: object) -> str | None:
    """`en_us` as `en-US`, `ZH-hant-tw` as `zh-Hant-TW`; None for what is no tag."""
    if not isinstance(text, str) or not _TAG.fullmatch(text):
        return None
    language, *rest = text.replace("_", "-").split("-")
    return "-".join([language.lower(), *(_subtag(part) for part in rest)])


def _subtag(part: str) -> str:
    if len(part) == 2:
        return part.upper()
    return part.title() if len(part) == 4 and part.isalpha() else part
