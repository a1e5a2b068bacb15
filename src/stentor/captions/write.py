"""Captions as files (webvtt-py, which refuses to write what could not be read back)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from stentor.captions.words import Cue

if TYPE_CHECKING:
    from webvtt import WebVTT

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_UNESCAPES = {escape: character for character, escape in _ESCAPES.items()}
_SPECIAL = re.compile("[&<>]")
_ESCAPED = re.compile("&(?:amp|lt|gt);")


def to_vtt(cues: Sequence[Cue], *, karaoke: bool = False) -> str:
    """WebVTT (W3C).

    Args:
        karaoke: put a timestamp in front of each word but a cue's first, so that players can
            show which one is spoken.
    """
    text: str = _captions(cues, karaoke).content
    return text.rstrip("\n") + "\n"


def to_srt(cues: Sequence[Cue]) -> str:
    """SubRip. It has no escapes: `<` and `&` stand for themselves."""
    file = io.StringIO()
    _captions(cues, karaoke=False).write(file, format="srt")
    # The library writes the cue's source without its tags. All there is of either are escapes.
    text = _ESCAPED.sub(lambda match: _UNESCAPES[match.group()], file.getvalue())
    return f"{text}\n" if text else ""


def _captions(cues: Sequence[Cue], karaoke: bool) -> WebVTT:
    from webvtt import Caption, WebVTT

    return WebVTT(
        captions=[
            Caption(
                _timestamp(cue.start_ms),
                _timestamp(cue.end_ms),
                "".join(_timed(cue)) if karaoke else _escape(cue.text),
            )
            for cue in cues
        ]
    )


def _timed(cue: Cue) -> Iterator[str]:
    """The text of a cue with timestamps, which must rise and lie inside the cue."""
    latest = cue.start_ms
    for number, line in enumerate(cue.lines):
        for place, piece in enumerate(line):
            if place:
                yield " " * piece.is_spaced
            elif number:
                yield "\n"
            if latest < piece.start_ms < cue.end_ms:
                latest = piece.start_ms
                yield f"<{_timestamp(latest)}>"
            yield _escape(piece.text)


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda match: _ESCAPES[match.group()], text)


def _timestamp(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"
