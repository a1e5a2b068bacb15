"""Planning: a caller's text becomes the segments that a voice speaks one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from stentor.contract import SpeakerVoice
from stentor.errors import invalid
from stentor.text.breaks import Break
from stentor.text.characters import find_surrogate, has_speech
from stentor.text.cut import cut
from stentor.text.dialogue import Cast
from stentor.text.lines import Line, read_lines
from stentor.text.paragraphs import Passage, passages
from stentor.text.sentences import sentences
from stentor.text.spanned import Spanned


@dataclass(frozen=True, slots=True)
class Segment:
    """What is spoken in one go.

    Attributes:
        index: place in the plan, from 0.
        text: what the engine is given: one line, white space collapsed, with at least one
            speakable character.
        start, end: where it came from, `[start, end)` in characters of the caller's text.
            Segments are in order and do not overlap.
        voice: who speaks it.
        pause_after_ms: silence to leave before the next segment; 0 after the last one and where
            a sentence without punctuation was cut.
        origin: the way back from `text`; None where it is the caller's own from `start` on.
    """

    index: int
    text: str
    start: int
    end: int
    voice: str
    pause_after_ms: int
    origin: Origin | None = field(default=None, compare=False, repr=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the caller's text that the non-empty range `[start, end)` of `text` is."""
        if self.origin is None:
            return self.start + start, self.start + end
        return self.origin.passage.span(self.origin.offset + start, self.origin.offset + end)


class Origin(NamedTuple):
    """The passage that a segment was cut from, and where it begins there."""

    passage: Spanned
    offset: int


@dataclass(frozen=True, slots=True)
class Pauses:
    """Silence between segments, in milliseconds.

    Attributes:
        sentence_ms: after a sentence, and after a line that ends like one.
        clause_ms: inside a sentence that was cut, and after a line of verse that goes on.
        paragraph_ms: at a blank line.
        section_ms: at a row of ornaments, or at three and more blank lines.
    """

    sentence_ms: int = 350
    clause_ms: int = 120
    paragraph_ms: int = 700
    section_ms: int = 1200

    def after(self, boundary: Break) -> int:
        """The silence that a break stands for, in milliseconds."""
        silence = (
            0,
            self.clause_ms,
            self.sentence_ms,
            self.paragraph_ms,
            self.section_ms,
        )
        return silence[boundary]


@dataclass(frozen=True, slots=True)
class Plan:
    """A text, ready to be spoken.

    Attributes:
        segments: at least one.
        characters: length of the caller's text.
        warnings: what a listener may be surprised by, in sentences.
    """

    segments: list[Segment]
    characters: int
    warnings: list[str]


def plan(
    text: str,
    voice: str | Sequence[SpeakerVoice],
    *,
    language: str = "en",
    max_chars: int = 300,
    pauses: Pauses = Pauses(),
) -> Plan:
    """Take a text of any length apart into spoken segments.

    Every letter, number and symbol of the text is in exactly one segment, in order; speaker
    labels, list bullets and rows of ornaments are not read. Takes time in proportion to the
    length of the text.

    Args:
        voice: who reads the text; or one voice for each speaker, switched by lines that begin
            with `Name:`.
        language: BCP 47 code; one that is not known is read by the rules of English.
        max_chars: longest text of a segment, in characters; at least 1.

    Raises:
        SpeechError: 400: the text has nothing to speak (`nothing_to_speak`) or a lone surrogate
            (`invalid_text`), or the list of speakers is not usable.
    """
    cast = Cast(voice)
    check_text(text)
    lines = list(read_lines(text, cast))
    pieces: list[tuple[str, int, int, str, Origin]] = []
    breaks: list[Break] = []
    for passage in passages(text, lines, cast):
        for start, end, break_after in _pieces(passage, language, max_chars):
            piece = passage.spanned.text[start:end]
            if has_speech(piece):
                source = passage.spanned.span(start, end)
                pieces.append((piece, *source, passage.voice, Origin(passage.spanned, start)))
                breaks.append(break_after)
            elif breaks:
                breaks[-1] = max(breaks[-1], break_after)
        if breaks:
            breaks[-1] = max(breaks[-1], passage.break_after)
    if not pieces:
        raise invalid(_nothing_to_speak(text), param="input", code="nothing_to_speak")
    breaks[-1] = Break.NONE
    segments = [
        Segment(index, said, start, end, reader, pauses.after(break_after), origin)
        for index, ((said, start, end, reader, origin), break_after) in enumerate(
            zip(pieces, breaks, strict=True)
        )
    ]
    return Plan(segments, len(text), _warnings(cast, lines, segments))


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


def _pieces(passage: Passage, language: str, max_chars: int) -> Iterator[tuple[int, int, Break]]:
    """Parts of a passage's text short enough to be spoken, with the breaks after them."""
    text = passage.spanned.text
    for start, end in sentences(text, language.partition("-")[0].lower(), max_chars):
        break_after = Break.SENTENCE if end < len(text) else Break.NONE
        yield from cut(text, start, end, max_chars, break_after)


def _nothing_to_speak(text: str) -> str:
    if not text:
        found = "is empty"
    elif text.isspace():
        found = "has nothing but white space"
    else:
        found = "has nothing but punctuation, ornaments, labels or control characters"
    return f"input {found}; expected at least one letter, number or symbol to speak"


def _warnings(cast: Cast, lines: Sequence[Line], segments: Sequence[Segment]) -> list[str]:
    if not cast.is_dialogue:
        return []
    first_label = next((line for line in lines if line.voice is not None), None)
    if first_label is None:
        return [
            "no line of input begins with the name of a listed speaker and a colon; "
            f"the voice of the first speaker, {cast.first_voice!r}, reads all of it"
        ]
    if segments[0].start < first_label.start:
        return [
            "input has text before the first speaker's label; "
            f"the voice of the first speaker, {cast.first_voice!r}, reads it"
        ]
    return []
