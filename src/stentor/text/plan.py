"""Planning: a caller's text becomes the segments that a voice speaks one after the other."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stentor.contract import SpeakerVoice
from stentor.errors import invalid
from stentor.text.breaks import Break
from stentor.text.characters import find_surrogate, has_speech
from stentor.text.cut import cut
from stentor.text.dialogue import Cast
from stentor.text.lines import Line, read_lines
from stentor.text.paragraphs import Passage, passages
from stentor.text.reading import Reading
from stentor.text.rewrites import Rewrite
from stentor.text.said import AS_WRITTEN, Said, Saying, SpokenForms
from stentor.text.segments import DEFAULT_PAUSES, Origin, Pauses, Segment
from stentor.text.sentences import sentences
from stentor.text.spanned import Spanned


@dataclass(frozen=True, slots=True)
class Plan:
    """A text, ready to be spoken.

    Attributes:
        segments: at least one.
        characters: length of the caller's text.
        chapters: of marked-up text, in order.
        warnings: what a listener may be surprised by, in sentences.
    """

    segments: list[Segment]
    characters: int
    warnings: list[str]
    chapters: tuple[Chapter, ...] = ()


class Chapter(NamedTuple):
    """What begins with a heading of marked-up text.

    Attributes:
        segment: the first one of it.
        level: of the heading, 1 to 6.
    """

    segment: int
    title: str
    level: int


class _Piece(NamedTuple):
    """A segment in the making. `start` and `end` are in characters of the reading."""

    said: Said
    start: int
    end: int
    voice: str
    origin: Origin


def plan(
    text: str | Reading,
    voice: str | Sequence[SpeakerVoice],
    *,
    language: str = "en",
    max_chars: int = 300,
    pauses: Pauses = DEFAULT_PAUSES,
    forms: SpokenForms = AS_WRITTEN,
) -> Plan:
    """Take a text of any length apart into spoken segments.

    Every letter, number and symbol of the text is in exactly one segment, in order; speaker
    labels, list bullets and rows of ornaments are not read. Takes time in proportion to the
    length of the text.

    Args:
        text: plain text, or what was read of an input of any kind.
        voice: who reads the text; or one voice for each speaker, switched by lines that begin
            with `Name:`.
        language: BCP 47 code; one that is not known is read by the rules of English.
        max_chars: longest text of a segment as it is written, in characters; at least 1.
        forms: what is said of what is written.

    Raises:
        SpeechError: 400: the text has nothing to speak (`nothing_to_speak`) or a lone surrogate
            (`invalid_text`), or the list of speakers is not usable.
    """
    cast = Cast(voice)
    reading = Reading(text) if isinstance(text, str) else text
    check_text(reading.text)
    lines = list(read_lines(reading.text, cast))
    boundaries = reading.boundaries()
    lost: dict[str, None] = {}
    pieces: list[_Piece] = []
    breaks: list[Break] = []
    for passage in passages(reading.text, lines, cast):
        spanned = passage.spanned
        saying = Saying(spanned.text, forms, _given(reading, spanned))
        cuts = list(_pieces(passage, language, max_chars, boundaries, saying))
        lost.update(dict.fromkeys(saying.unsaid([(start, end) for start, end, _ in cuts])))
        for start, end, break_after in cuts:
            said = saying.of(start, end)
            lost.update(dict.fromkeys(said.lost))
            if has_speech(said.text):
                origin = Origin(reading, spanned, start, said)
                source = spanned.span(start, end)
                pieces.append(_Piece(said, *source, passage.voice, origin))
                breaks.append(break_after)
            elif breaks:
                breaks[-1] = max(breaks[-1], break_after)
        if breaks:
            breaks[-1] = max(breaks[-1], passage.break_after)
    if not pieces:
        raise invalid(_nothing_to_speak(reading.text), param="input", code="nothing_to_speak")
    breaks[-1] = Break.NONE
    chapters = _chapters(reading, pieces)
    openings = {one.segment for one in chapters}
    segments = list(_segments(reading, pieces, breaks, pauses, openings))
    warnings = [*reading.warnings, *map(_lost, lost), *_warnings(cast, lines, pieces)]
    if any(mark.kind == "pause" and mark.offset <= pieces[0].start for mark in reading.breaks):
        warnings.append("a break before the first word is left out")
    return Plan(segments, len(reading.text), warnings, chapters)


def _segments(
    reading: Reading,
    pieces: Sequence[_Piece],
    breaks: Sequence[Break],
    pauses: Pauses,
    openings: Collection[int],
) -> Iterator[Segment]:
    following = [piece.start for piece in pieces[1:]]
    for index, (piece, break_after, until) in enumerate(
        zip(pieces, breaks, [*following, len(reading.text)], strict=True)
    ):
        marks = reading.break_after(piece.start, until)
        asked = [mark.ms for mark in marks if mark.kind == "pause" and mark.ms is not None]
        if asked:
            pause_ms = sum(asked)
        else:
            natural = [pauses.of_mark(mark) for mark in marks] if index < len(following) else []
            pause_ms = max(pauses.after(break_after), *natural, 0)
        yield Segment(
            index,
            piece.said.text,
            *reading.span(piece.start, piece.end),
            piece.voice,
            pause_ms,
            reading.style_at(piece.start),
            piece.said.pronounced,
            bool(asked) or index + 1 in openings,
            piece.origin,
        )


def _given(reading: Reading, passage: Spanned) -> list[Rewrite]:
    """What the caller's markup says of a passage."""
    length = len(passage.text)
    if not length or not reading.given:
        return []
    return [
        one._replace(
            start=passage.index_of(one.start, 0, length), end=passage.index_of(one.end, 0, length)
        )
        for one in reading.given_in(*passage.span(0, length))
    ]


def _chapters(reading: Reading, pieces: Sequence[_Piece]) -> tuple[Chapter, ...]:
    """The headings that are spoken; of several at one place the last."""
    starts = [piece.start for piece in pieces]
    chapters: dict[int, Chapter] = {}
    for mark in reading.headings:
        segment = bisect_left(starts, mark.start)
        if segment < len(pieces):
            chapters[segment] = Chapter(segment, mark.title, mark.level)
    return tuple(chapters.values())


def _lost(written: str) -> str:
    return (
        f"the pronunciation of {written!r} is left to the voice: it cannot be told one, and there "
        "is no alias for it"
    )


def check_text(text: str) -> None:
    """Tell quickly whether a text can be planned at all.

    Raises:
        SpeechError: 400: it has nothing to speak, or a lone surrogate.
    """
    if (offset := find_surrogate(text)) is not None:
        raise invalid(
            f"input has half of a surrogate pair (U+{ord(text[offset]):04X}) at character "
            f"{offset}; expected valid Unicode text",
            param="input",
            code="invalid_text",
        )
    if not has_speech(text):
        raise invalid(_nothing_to_speak(text), param="input", code="nothing_to_speak")


def _pieces(
    passage: Passage, language: str, max_chars: int, boundaries: Sequence[int], saying: Saying
) -> Iterator[tuple[int, int, Break]]:
    """Parts of a passage's text short enough to be spoken, with the breaks after them."""
    text = passage.spanned.text
    found = sentences(text, language.partition("-")[0].lower(), max_chars)
    for start, end in _whole(found, saying):
        break_after = Break.SENTENCE if end < len(text) else Break.NONE
        pieces = cut(text, start, end, max_chars, break_after)
        if not boundaries:
            yield from pieces
            continue
        for piece in pieces:
            yield from _split(passage.spanned, piece, boundaries)


def _whole(found: Iterable[tuple[int, int]], saying: Saying) -> Iterator[tuple[int, int]]:
    """Sentences, those put together that are only divided within what is said in one."""
    waiting: tuple[int, int] | None = None
    for start, end in found:
        waiting = (start, end) if waiting is None else (waiting[0], end)
        if not saying.holds(end):
            yield waiting
            waiting = None
    if waiting is not None:
        yield waiting


def _split(
    passage: Spanned, piece: tuple[int, int, Break], boundaries: Sequence[int]
) -> Iterator[tuple[int, int, Break]]:
    """Divide a piece where the markup wants it."""
    start, end, break_after = piece
    first, last = passage.span(start, end)
    for boundary in boundaries[bisect_right(boundaries, first) : bisect_left(boundaries, last)]:
        at = passage.index_of(boundary, start, end)
        part = passage.text[start:at]
        if part.strip():
            yield start, start + len(part.rstrip()), Break.NONE
            rest = passage.text[at:end]
            start = at + len(rest) - len(rest.lstrip())
    if start < end:
        yield start, end, break_after


def _nothing_to_speak(text: str) -> str:
    if not text:
        found = "is empty"
    elif text.isspace():
        found = "has nothing but white space"
    else:
        found = "has nothing but punctuation, ornaments, labels or control characters"
    return f"input {found}; expected at least one letter, number or symbol to speak"


def _warnings(cast: Cast, lines: Sequence[Line], pieces: Sequence[_Piece]) -> list[str]:
    if not cast.is_dialogue:
        return []
    first_label = next((line for line in lines if line.voice is not None), None)
    if first_label is None:
        return [
            "no line of input begins with the name of a listed speaker and a colon; "
            f"the voice of the first speaker, {cast.first_voice!r}, reads all of it"
        ]
    if pieces[0].start < first_label.start:
        return [
            "input has text before the first speaker's label; "
            f"the voice of the first speaker, {cast.first_voice!r}, reads it"
        ]
    return []
