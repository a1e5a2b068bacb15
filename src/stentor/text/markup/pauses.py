"""Pauses that stand in a plain text: `<break time="1.5s"/>`, as ElevenLabs' callers write them."""

from __future__ import annotations

import re

from stentor.text.markup.marked import BreakMark, Marked, Spans
from stentor.text.markup.ssml_values import MAX_BREAK_MS, break_ms

_BREAK = re.compile(
    r"<break\s{1,9}time\s?=\s?(?P<quote>[\"'])(?P<time>[^\"'<>]{1,20})(?P=quote)\s?/?>"
)


def read_pauses(source: str) -> Marked | None:
    """The text without its pauses; None if it has none. One that is no time is text."""
    found = [
        (match.start(), match.end(), min(ms, MAX_BREAK_MS))
        for match in (_BREAK.finditer(source) if "<break" in source else ())
        if (ms := break_ms(match["time"], None)) is not None
    ]
    if not found:
        return None
    kept: list[str] = []
    pieces: list[tuple[int, int, int]] = []
    breaks: list[BreakMark] = []
    position = length = 0
    for start, end, ms in [*found, (len(source), len(source), None)]:
        if position < start:
            kept.append(source[position:start])
            pieces.append((length, position, start - position))
            length += start - position
        if ms is not None:
            breaks.append(BreakMark(length - _trailing_space(kept), "pause", ms))
        position = end
    return Marked("".join(kept), Spans(pieces, length), "text", breaks=tuple(breaks))


def _trailing_space(kept: list[str]) -> int:
    return len(kept[-1]) - len(kept[-1].rstrip()) if kept else 0
