"""Captions out of word timings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stentor.captions.layout import lay_out
from stentor.captions.pieces import make_items
from stentor.captions.words import Cue
from stentor.contract import Word


@dataclass(frozen=True, slots=True)
class CaptionSettings:
    """What is comfortable to read.

    Attributes:
        line_columns: longest line; ideographs count twice. At least 2.
        least_ms: shortest time that a cue is shown, where the next one leaves it.
        columns_per_second: reading speed; a cue stays for as long as this takes, where the next
            one leaves it. Above 0.
        linger_ms: longest time that a cue stays after its last word.
        gap_ms: a shorter gap before the next cue would flicker, and is closed.
    """

    line_columns: int = 42
    least_ms: int = 1000
    columns_per_second: float = 17.0
    linger_ms: int = 2000
    gap_ms: int = 200


def make_cues(
    words: Sequence[Word],
    text: str,
    *,
    language: str = "en",
    settings: CaptionSettings = CaptionSettings(),
) -> list[Cue]:
    """Cues of one or two lines that break where the text does.

    Every word with a character to show is in the cues, in order: in one of them, unless it is
    wider than two lines. Its punctuation comes with it; what the text has besides words and
    punctuation, such as speakers' labels and tags, does not. Cues are in order, are never empty
    in time and do not overlap. A cue begins when its first word does; timings that go backwards
    are held. Takes time in proportion to the length of words and text.

    Args:
        words: in the order in which they are spoken.
        text: the caller's, into which the words point.
        language: BCP 47 code; one that is not known is read by the rules of English.
    """
    items = list(make_items(words, text, language, settings.line_columns))
    layout = lay_out(items, settings.line_columns) if items else []
    starts: list[int] = []
    for lines in layout:
        earliest = starts[-1] + 1 if starts else 0
        starts.append(max(earliest, items[lines[0].start].piece.start_ms))
    cues: list[Cue] = []
    for number, lines in enumerate(layout):
        shown = items[lines[0].start : lines[-1].stop]
        start = starts[number]
        spoken = max(start + 1, max(item.end_ms for item in shown))
        columns = sum(item.width + item.piece.is_spaced for item in shown)
        comfortable = start + max(
            settings.least_ms, round(1000 * columns / settings.columns_per_second)
        )
        end = max(spoken, min(comfortable, spoken + settings.linger_ms))
        if number + 1 < len(starts):
            following = starts[number + 1]
            end = following if following - end < settings.gap_ms else end
        shown_lines = tuple(tuple(item.piece for item in items[r.start : r.stop]) for r in lines)
        cues.append(Cue(start, end, shown_lines))
    return cues
