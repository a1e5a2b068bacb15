"""What SSML's `say-as` wants a stretch of text to be read as.

Source: W3C Note "SSML 1.0 say-as attribute values", and what vendors have in common. `characters`,
`digits` and the like are settled where the markup is read (`markup/`).
"""

from __future__ import annotations

import re

from stentor.text.markup.marked import SayAsMark
from stentor.text.rewrites import Rewrite

_WHOLE = re.compile(r"-?[0-9]{1,15}")
_DATE = re.compile(r"([0-9]{1,4})[-/. ]([0-9]{1,4})(?:[-/. ]([0-9]{1,4}))?")
_TIME = re.compile(r"([0-9]{1,2})[:.h]?([0-9]{2})")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def said_as(mark: SayAsMark, text: str, language: str) -> Rewrite | None:
    """What is said instead; None where the rules for all text do as well."""
    from stentor.text.normalise import spoken

    written = text[mark.start : mark.end].strip()
    clear = _clear(mark, written, language)
    if clear is None:
        return None
    return Rewrite(mark.start, mark.end, spoken(clear, language))


def _clear(mark: SayAsMark, written: str, language: str) -> str | None:
    """The same, written so that it can only be read as what it is; None: leave it."""
    kind = mark.interpret_as
    if kind in ("cardinal", "number") and _WHOLE.fullmatch(written):
        return f"{int(written):,}" if language.lower().startswith("en") else written
    if kind == "ordinal" and _WHOLE.fullmatch(written) and language.lower().startswith("en"):
        return f"{int(written)}{_ending(int(written))}"
    if kind == "date" and (match := _DATE.fullmatch(written)):
        return _date(match, mark.format or "", language)
    if kind == "time" and (match := _TIME.fullmatch(written)):
        return f"{int(match[1])}:{match[2]}"
    return None


def _ending(number: int) -> str:
    if abs(number) % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(abs(number) % 10, "th")


def _date(match: re.Match[str], order: str, language: str) -> str | None:
    """A date in words of its month, by the order that the caller tells, such as `dmy`."""
    parts = [part for part in match.groups() if part]
    if len(order) != len(parts) or set(order) - set("dmy") or not language.startswith("en"):
        return None
    named = dict(zip(order, (int(part) for part in parts), strict=True))
    month = named.get("m")
    if month is None or not 1 <= month <= 12:
        return None
    words = [_MONTHS[month - 1]]
    if "d" in named:
        words.insert(0, str(named["d"]))
    if "y" in named:
        words.append(str(named["y"]))
    return " ".join(words)
