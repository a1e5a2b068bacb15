"""From pieces of text to sentences, each as soon as nothing that follows can change it."""

from __future__ import annotations

import re
from typing import NamedTuple

from stentor.text.breaks import Break
from stentor.text.characters import CLOSERS, TERMINATORS
from stentor.text.cut import cut
from stentor.text.sentences import sentences

MAX_SENTENCE_CHARS = 1000
"""What has no end by then is divided where a reader would take a breath."""

_CLOSING = f"[{re.escape(CLOSERS)}]*"
_SPACED = ".!?…"
_UNSPACED = "".join(mark for mark in TERMINATORS if mark not in _SPACED)
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
# A mark that may end a sentence, a blank line, or a line that begins an item of a list.
_PLACE = re.compile(
    rf"(?P<end>[{re.escape(_SPACED)}]+{_CLOSING}(?=\s)|[{re.escape(_UNSPACED)}]+{_CLOSING})"
    rf"|(?P<blank>{_BLANK_LINE.pattern})"
    r"|(?P<item>\n(?=[^\S\n]*(?:[-+*•‣⁃]|\#{1,6}|\d{1,2}[.)])[^\S\n]+\S))"
)
_FOLLOWING = re.compile(rf"(?P<blank>{_BLANK_LINE.pattern})|(?P<word>[^\W_])")
_WORD_END = re.compile(r"[\W_]")
_LINE_ENDS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_ENDS_LIKE_A_SENTENCE = re.compile(rf"[{re.escape(TERMINATORS)}]{_CLOSING}\s*$")


class Sentence(NamedTuple):
    """A stretch of the text, `[start, end)` in all of it, and what sets it off from the next."""

    start: int
    text: str
    break_after: Break

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class SentenceBuffer:
    """Text whose sentences are not all known yet.

    Joined, the sentences are the text. Each is decided by the text up to a certain character and
    by nothing behind that, so it does not matter how the text is cut into pieces.

    Args:
        language: ISO 639-1 code; one that is not known is read by the rules of English.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self._start = 0
        self._text = ""
        self._seen = 0

    @property
    def end(self) -> int:
        """Characters so far."""
        return self._start + len(self._text)

    @property
    def waiting_chars(self) -> int:
        """Characters whose sentence has not ended."""
        return len(self._text)

    def add(self, piece: str) -> list[Sentence]:
        """The sentences that are certain now; takes as long as the piece is."""
        self._text += piece
        found = []
        while (sentence := self._next()) is not None:
            found.append(sentence)
        return found

    def flush(self) -> Sentence | None:
        """What is left, as if the text ended here."""
        if not self._text:
            return None
        is_whole = _ENDS_LIKE_A_SENTENCE.search(self._text) is not None
        return self._take(len(self._text), Break.SENTENCE if is_whole else Break.CLAUSE)

    def drop(self) -> int:
        """Forget what is left; how many characters that was."""
        dropped = len(self._text)
        self._start, self._text, self._seen = self.end, "", 0
        return dropped

    def _next(self) -> Sentence | None:
        while True:
            # Looking no further keeps the time in proportion to the text.
            place = _PLACE.search(self._text, self._seen, MAX_SENTENCE_CHARS)
            known_at = self._known_at(place) if place is not None else None
            if place is None or known_at is None:
                return self._divided() if len(self._text) >= MAX_SENTENCE_CHARS else None
            if place["item"] is not None:
                if self._text[: place.end()].strip():
                    return self._take(place.end(), Break.SENTENCE)
            elif place["blank"] is not None:
                if self._text[: place.start()].strip():
                    return self._take(place.end(), Break.PARAGRAPH)
            elif (sentence := self._ended(place, known_at)) is not None:
                return sentence
            self._seen = place.end()

    def _known_at(self, place: re.Match[str]) -> int | None:
        """How many characters must be there to decide about a place; None if they are not."""
        if place["end"] is None:
            return place.end()
        following = _FOLLOWING.search(self._text, place.end(), MAX_SENTENCE_CHARS)
        if following is None:
            return None
        after_digit = self._text[place.start() - 1 : place.start()].isdigit()
        if following["word"] is not None and after_digit:
            # "am 1. Januar": whether it goes on is told by the whole word.
            word_end = _WORD_END.search(self._text, following.end(), MAX_SENTENCE_CHARS)
            return None if word_end is None else word_end.end()
        return following.end()

    def _ended(self, place: re.Match[str], known_at: int) -> Sentence | None:
        following = _FOLLOWING.search(self._text, place.end(), known_at)
        assert following is not None
        if following["blank"] is not None:
            return self._take(following.end(), Break.PARAGRAPH)
        if following["word"].islower():
            return None
        line = _LINE_ENDS.sub(" ", self._text[:known_at])
        lead = len(line) - len(line.lstrip())
        first = next(sentences(line[lead:], self._language, MAX_SENTENCE_CHARS), None)
        if first is None or lead + first[1] > following.start():
            return None
        return self._take(lead + first[1], Break.SENTENCE)

    def _divided(self) -> Sentence:
        line = _LINE_ENDS.sub(" ", self._text[:MAX_SENTENCE_CHARS])
        _, end, boundary = next(
            cut(line, 0, len(line), MAX_SENTENCE_CHARS // 2, Break.CLAUSE),
            (0, len(line), Break.CLAUSE),
        )
        return self._take(end, boundary)

    def _take(self, length: int, break_after: Break) -> Sentence:
        sentence = Sentence(self._start, self._text[:length], break_after)
        self._start, self._text, self._seen = self._start + length, self._text[length:], 0
        return sentence
