"""What was said when, for as long as somebody may ask how far it was heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from stentor.contract import Usage, Word
from stentor.http.socket.sentences import Sentence

REMEMBERED = 500
"""Sentences; a listener is never so far behind."""
CHARS_PER_SECOND = 15
"""Of speech, where nothing better is known."""


@dataclass(slots=True)
class _Said:
    """A sentence, or as much as was sent of it.

    Attributes:
        end: in characters of the session's text.
        end_ms: None while it is being sent.
    """

    start: int
    end: int
    start_ms: float
    end_ms: float | None = None
    words: Sequence[Word] = ()

    def heard(self, ms: float, length_ms: float | None) -> tuple[int, bool]:
        """How far in the text one is at `ms`, and whether that is an estimate."""
        if self.end_ms is not None and ms >= self.end_ms:
            return self.end, False
        if self.words:
            heard = [word.char_end for word in self.words if word.end_ms <= ms]
            return (heard[-1] if heard else self.start), False
        length_ms = length_ms or 1000 * (self.end - self.start) / CHARS_PER_SECOND
        share = min(1.0, (ms - self.start_ms) / max(1.0, length_ms))
        return self.start + round(share * (self.end - self.start)), True


class Account:
    """What a session has sent and spent.

    Attributes:
        sent: samples of audio that were sent.
        index: of the next sentence.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._said: deque[_Said] = deque(maxlen=REMEMBERED)
        self._characters = 0
        self._cost: float | None = None
        self._tokens: list[int | None] = [None, None]
        self.sent = 0
        self.index = 0

    @property
    def sent_ms(self) -> int:
        return self.ms(self.sent)

    def ms(self, samples: int) -> int:
        """On the session's clock."""
        return round(1000 * samples / self._rate)

    def begin(self, sentence: Sentence, start_ms: int) -> None:
        """The first audio of a sentence is about to be sent."""
        self._said.append(_Said(sentence.start, sentence.end, start_ms))
        self._characters += len(sentence.text)
        self.index += 1

    def tell(self, words: Sequence[Word]) -> None:
        """When the words of the newest sentence are heard."""
        self._said[-1].words = words

    def finish(self) -> None:
        """All of the newest sentence was sent."""
        self._said[-1].end_ms = self.sent_ms

    def break_off(self, length_ms: float | None = None) -> None:
        """No more of the newest sentence will be sent.

        Args:
            length_ms: how long it would have been, if that is known.
        """
        if self._said and self._said[-1].end_ms is None:
            said = self._said[-1]
            said.end, _ = said.heard(self.sent_ms, length_ms)
            said.end_ms = self.sent_ms

    def spend(self, cost: float | None) -> None:
        """What a sentence's attempts cost."""
        if cost is not None:
            self._cost = (self._cost or 0.0) + cost

    def count(self, usage: Usage) -> None:
        """The tokens of a finished sentence."""
        for place, count in enumerate((usage.input_tokens, usage.output_tokens)):
            if count is not None:
                self._tokens[place] = (self._tokens[place] or 0) + count

    def heard(self, ms: float) -> tuple[int, bool]:
        """How far in the text one is at `ms`, and whether that is an estimate."""
        for said in reversed(self._said):
            if said.start_ms <= ms:
                return said.heard(ms, said.end_ms and said.end_ms - said.start_ms)
        return (self._said[0].start if self._said else 0), False

    def usage(self) -> Usage:
        """Of all that was spoken."""
        known = [count for count in self._tokens if count is not None]
        return Usage(
            input_chars=self._characters,
            audio_seconds=round(self.sent / self._rate, 3),
            input_tokens=self._tokens[0],
            output_tokens=self._tokens[1],
            total_tokens=sum(known) if known else None,
            cost=self._cost,
        )
