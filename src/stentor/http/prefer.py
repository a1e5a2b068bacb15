"""The `Prefer` header (RFC 7240)."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_CHARS = 1024
"""A longer header is not looked at: no preference must be honoured (RFC 7240 section 2)."""

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# A quote without its end takes the rest of the header with it.
_ITEM = re.compile(rf'(?:[^",]|{_QUOTED}|".*)+', re.DOTALL)
_PREFERENCE = re.compile(rf"\s*({_TOKEN})(?:\s*=\s*({_TOKEN}|{_QUOTED}))?\s*(?:;.*)?", re.DOTALL)


def preferences(values: Iterable[str]) -> dict[str, str]:
    """The preferences in all `Prefer` headers of a request, by lower-case name.

    The first of a repeated one counts. Parameters after a semicolon, and what is malformed, are
    left out. A preference without a value has an empty one.
    """
    found: dict[str, str] = {}
    joined = ",".join(values)
    if len(joined) > MAX_CHARS:
        return found
    for item in _ITEM.findall(joined):
        if match := _PREFERENCE.fullmatch(item):
            name, value = match.groups()
            found.setdefault(name.lower(), _unquoted(value or ""))
    return found


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value
