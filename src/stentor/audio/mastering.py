"""Bringing a whole to the loudness that its listeners are used to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from stentor.audio.limit import Limiter
from stentor.audio.loudness import Loudness, LoudnessMeter, measure
from stentor.audio.pcm import Samples
from stentor.audio.settings import LoudnessTarget

# Meters differ by less than this where they interpolate between the samples, and so does
# rounding to 16 bit.
_HEADROOM_DB = 0.1
_TOLERANCE_LU = 0.2
_MOST_ATTEMPTS = 6
# Of each dB of gain, neural speech keeps about this much where the limiter works.
_USUAL_SLOPE = 0.65
# Where limiting takes nearly all that gain gives, more of it would only distort.
_LEAST_SLOPE = 0.25


@dataclass(frozen=True, slots=True)
class Gain:
    """What brings a whole to its target.

    Attributes:
        gain_db: one gain for all of it.
        ceiling_dbtp: what the limiter keeps peaks under.
        loudness: the result's. Measured where peaks have to be limited, calculated otherwise.
    """

    gain_db: float
    ceiling_dbtp: float
    loudness: Loudness


def find_gain(
    read: Callable[[], Iterable[Samples]],
    sample_rate: int,
    target: LoudnessTarget,
    measured: Loudness | None = None,
) -> Gain:
    """Find the gain whose result is within 0.2 LU of the target.

    Goes through the audio once to measure it, unless that was done; and where peaks have to be
    limited, once more for each attempt at the gain: one to three, 6 at most. A whole that peaks
    keep from the target, such as clicks in silence, gets as near as limiting by a few dB more
    would bring it; its `loudness` tells. Silence, and what is too quiet to be measured, stays
    as it is.

    Args:
        read: starts over at each call; gives pieces of shape (n,).
        measured: the loudness of the audio, where it is known.
    """
    ceiling = target.true_peak_dbtp - _HEADROOM_DB
    before = measured or measure(read(), sample_rate)
    if before.integrated_lufs == -math.inf:
        return Gain(0.0, ceiling, before)
    gain = target.lufs - before.integrated_lufs
    if before.true_peak_dbtp + gain <= ceiling:
        after = Loudness(target.lufs, before.true_peak_dbtp + gain, before.seconds)
        return Gain(gain, ceiling, after)
    best = last = Gain(gain, ceiling, _limited_loudness(read(), sample_rate, gain, ceiling))
    slope = _USUAL_SLOPE
    for _ in range(_MOST_ATTEMPTS - 1):
        missing = target.lufs - last.loudness.integrated_lufs
        if abs(missing) <= _TOLERANCE_LU or slope < _LEAST_SLOPE or math.isinf(missing):
            break
        gain += missing / slope
        found = Gain(gain, ceiling, _limited_loudness(read(), sample_rate, gain, ceiling))
        slope = (found.loudness.integrated_lufs - last.loudness.integrated_lufs) / (
            found.gain_db - last.gain_db
        )
        last = found
        best = min(best, found, key=lambda g: abs(target.lufs - g.loudness.integrated_lufs))
    return best


class Mastering:
    """The second pass over a stream of mono samples: the gain that was found, with its limiter.

    As long as the input and in step with it, however that was cut.

    Args:
        sample_rate: in Hz.
        gain: from `find_gain` for the same audio.
    """

    def __init__(self, sample_rate: int, gain: Gain) -> None:
        self._limiter = Limiter(sample_rate, gain.gain_db, gain.ceiling_dbtp)

    def feed(self, samples: Samples) -> Samples:
        """Master a piece of shape (n,); what comes out lags behind by some seconds at most."""
        return self._limiter.feed(samples)

    def finish(self) -> Samples:
        """What is left. Nothing may be fed after it."""
        return self._limiter.finish()


def master(
    read: Callable[[], Iterable[Samples]],
    sample_rate: int,
    target: LoudnessTarget,
    measured: Loudness | None = None,
) -> Iterator[Samples]:
    """The whole at its target, in pieces; for the arguments see `find_gain`."""
    mastering = Mastering(sample_rate, find_gain(read, sample_rate, target, measured))
    for piece in read():
        yield mastering.feed(piece)
    yield mastering.finish()


def _limited_loudness(
    pieces: Iterable[Samples], sample_rate: int, gain_db: float, ceiling_dbtp: float
) -> Loudness:
    limiter = Limiter(sample_rate, gain_db, ceiling_dbtp)
    meter = LoudnessMeter(sample_rate)
    for piece in pieces:
        meter.feed(limiter.feed(piece))
    meter.feed(limiter.finish())
    return meter.finish()
