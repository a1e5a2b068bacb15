"""Joining spoken segments: no clicks, no lost tails, and pauses as long as was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stentor.audio.pcm import BLOCK, FULL_SCALE, Pcm, Samples, blocks
from stentor.audio.resample import resample


@dataclass(frozen=True, slots=True)
class JoinSettings:
    """What counts as silence at the edges of a segment, and how much of it stays.

    Attributes:
        silence_dbfs: level, in dB relative to full scale, below which a sample is silence in a
            segment that peaks at full scale; in a quieter segment it is lower by as much. -80
            to -30.
        margin_ms: the most silence that stays before and after speech; it holds the breath and
            the decay that lie below the threshold. 30 to 50.
        fade_ms: length of the fade at each edge. 1 to 10.
    """

    silence_dbfs: float = -50.0
    margin_ms: int = 40
    fade_ms: int = 5


@dataclass(frozen=True, slots=True)
class Joined:
    """A segment as it goes into the joined audio.

    Attributes:
        origin: where the segment's sample 0, before trimming, lies in the joined audio, in
            samples. Sample i of the segment, at the joiner's rate, is at origin + i. Negative
            where the first segment lost some of its leading silence.
        parts: what to append, at the joiner's rate.
    """

    origin: int
    parts: tuple[Samples, ...]

    @property
    def length(self) -> int:
        """How many samples there are to append."""
        return sum(len(part) for part in self.parts)

    @property
    def samples(self) -> Samples:
        """What to append, in one piece."""
        return np.concatenate(self.parts)

    def blocks(self) -> Iterator[Samples]:
        """What to append, in pieces of some seconds at most."""
        if self.length <= BLOCK:
            yield self.samples
            return
        for part in self.parts:
            yield from blocks(part)


class Joiner:
    """Puts segments one after the other.

    Between two segments, the time from the last loud sample to the next loud one is the pause
    that was asked for, unless it is shorter than two fades: silence that the segments bring
    along counts towards it. Speech is never trimmed.

    Args:
        sample_rate: of the joined audio, in Hz; segments at another rate are resampled.
        folder: where long segments go when they are resampled, in files without a name; None to
            keep them in memory.
    """

    def __init__(
        self,
        sample_rate: int,
        settings: JoinSettings | None = None,
        folder: Path | None = None,
    ) -> None:
        settings = settings or JoinSettings()
        self._folder = folder
        self._sample_rate = sample_rate
        self._silence = 10 ** (settings.silence_dbfs / 20)
        self._margin = self._samples(settings.margin_ms)
        self._fade = self._samples(settings.fade_ms)
        # sin² rises without a corner at either end.
        self._fade_in = np.sin(np.arange(self._fade) * (np.pi / 2 / self._fade)) ** 2
        self._length = 0
        # The pause before the next segment is kept back as far as that segment may fill it.
        self._lead_limit = self._margin
        self._lead_owed = 0

    def add(self, pcm: Pcm, pause_after_ms: int) -> Joined:
        """Append a segment and the pause after it.

        The last part of the pause, at most the margin, comes with the next segment.

        Args:
            pause_after_ms: from the end of this speech to the start of the next, 0 or more. 0
                for the last segment and for a cut within a word: the tail keeps its margin, and
                a next segment keeps no more of its leading silence than the fade needs.
        """
        samples = resample(pcm.samples, pcm.sample_rate, self._sample_rate, self._folder)
        lead, tail = self._silent_edges(samples)
        pause = self._samples(pause_after_ms)
        # Each side of a short pause may fill half of it, but a fade needs its place in silence.
        edge = min(self._margin, max(pause // 2, self._fade))
        kept_lead = min(lead, self._lead_limit)
        kept_tail = min(tail, edge if pause else self._margin)

        start = lead - kept_lead
        body = samples[start : len(samples) - tail + kept_tail]
        gap_before = max(0, self._lead_owed - kept_lead)
        gap_after = max(0, pause - kept_tail)
        self._lead_limit = edge
        self._lead_owed = min(gap_after, edge)

        origin = self._length + gap_before - start
        joined = Joined(
            origin,
            (
                np.zeros(gap_before, np.int16),
                *self._faded(body),
                np.zeros(gap_after - self._lead_owed, np.int16),
            ),
        )
        self._length += joined.length
        return joined

    def _silent_edges(self, samples: Samples) -> tuple[int, int]:
        """Samples before the first loud one and after the last; 0 and 0 if all are silent."""
        peak = max((max(int(x.max()), -int(x.min())) for x in blocks(samples)), default=0)
        if peak <= FULL_SCALE * self._silence:
            return 0, 0
        threshold = peak * self._silence
        lead = _silent_until(blocks(samples), threshold)
        return lead, _silent_until(blocks(samples[::-1]), threshold)

    def _faded(self, body: Samples) -> tuple[Samples, ...]:
        """The body with its edges faded, of which only they are copied."""
        length = min(self._fade, (len(body) + 1) // 2)
        if length == 0:
            return (body,)
        fade_in = self._fade_in if length == self._fade else self._fade_in[:length]
        head, tail = body[:length], body[length:][-length:]
        # Both fades meet in the middle sample of a body that is shorter than two of them.
        both = np.concatenate([head, tail])
        both[:length] = both[:length] * fade_in
        both[-length:] = both[-length:] * fade_in[::-1]
        return both[:length], body[length : len(body) - len(tail)], both[length:]

    def _samples(self, ms: int) -> int:
        return round(ms * self._sample_rate / 1000)


def _silent_until(pieces: Iterable[Samples], threshold: float) -> int:
    """Samples before the first one that is louder; there must be one."""
    silent = 0
    for piece in pieces:
        loud = (piece > threshold) | (piece < -threshold)
        if loud.any():
            return silent + int(loud.argmax())
        silent += len(piece)
    raise AssertionError("nothing is as loud as the peak")
