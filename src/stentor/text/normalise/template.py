"""What a rule says: text with readings of the parts that its pattern has found.

    [{weekday|weekday}, ]the {day|ordinal} of {month|month}

`{part}` is the part as it is written, `{part|reading}` what a reading makes of it; further names
after colons are parts that the reading is given as well. A word in single quotes may stand for a
part. What stands in square brackets is said only if all its parts were found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

Reading = Callable[..., str]


class NoReading(Exception):
    """What was found is not what the rule took it for."""


class _Part(NamedTuple):
    group: str
    reading: Reading | None
    others: tuple[str, ...]


_PIECE = re.compile(r"\{(\w+|'[^']*')(?:\|(\w+)((?::(?:\w+|'[^']*'))*))?\}|(\[)|(\])")


class Template:
    """A parsed template.

    Raises:
        KeyError: a reading that there is none of.
        ValueError: square brackets that do not pair.
    """

    __slots__ = ("_sections",)

    def __init__(self, text: str, readings: Mapping[str, Reading]) -> None:
        self._sections: list[tuple[bool, list[str | _Part]]] = [(False, [])]
        position = 0
        for piece in _PIECE.finditer(text):
            self._add(text[position : piece.start()])
            position = piece.end()
            group, reading, others, opens, closes = piece.groups()
            if group:
                names = tuple(others.split(":")[1:]) if others else ()
                part = _Part(group, readings[reading] if reading else None, names)
                self._sections[-1][1].append(part)
            elif bool(opens) == self._sections[-1][0]:
                raise ValueError(f"square brackets do not pair: {text!r}")
            else:
                self._sections.append((bool(opens and not closes), []))
        self._add(text[position:])

    def _add(self, literal: str) -> None:
        if literal:
            self._sections[-1][1].append(literal)

    def fill(self, match: re.Match[str]) -> str:
        """What is said for a match.

        Raises:
            NoReading: nothing that makes sense.
        """
        said: list[str] = []
        for optional, pieces in self._sections:
            if optional and any(
                isinstance(piece, _Part) and not _written(piece.group, match) for piece in pieces
            ):
                continue
            said += [piece if isinstance(piece, str) else _said(piece, match) for piece in pieces]
        return "".join(said)


def _said(part: _Part, match: re.Match[str]) -> str:
    written = _written(part.group, match)
    if part.reading is None:
        return written
    return part.reading(written, *(_written(name, match) for name in part.others))


def _written(name: str, match: re.Match[str]) -> str:
    return name[1:-1] if name[0] == "'" else match[name] or ""
