"""Gain with a ceiling that the waveform stays under, between the samples too."""

from __future__ import annotations

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from stentor.audio.loudness import OVERSAMPLING
from stentor.audio.pcm import FULL_SCALE, Samples, to_int16

# Voices down to 70 Hz have a peak within each half of the window, so the gain rests while one
# sounds, and does not follow its waveform. Neural speech of 3.10 (DNSMOS overall, at the same
# level) has 3.03 when it is limited by 9 dB at most; halves of 2 to 80 ms stay within 0.05 of that.
_HALF_WINDOW_MS = 15
_BLOCK = 1 << 15
# Near the ends of what soxr is given, its answer is off.
_FILTER_REACH = 64


class Limiter:
    """Makes a stream of mono samples louder or quieter by one gain, less at peaks.

    Where the gain alone would take the waveform over the ceiling, it gives way smoothly: from
    30 ms before the peak to 30 ms after it. Everywhere else the output is gain times input. The
    whole output has as many samples as the input, in step with it, and does not depend on how
    the input was cut; memory does not grow with it.

    The gain at each sample is the least that a window around it needs, averaged with weights of
    a triangle over that window; each of the averaged values satisfies the sample in the middle.

    Args:
        sample_rate: in Hz.
        gain_db: any.
        ceiling_dbtp: relative to full scale; at most 0.
    """

    def __init__(self, sample_rate: int, gain_db: float, ceiling_dbtp: float) -> None:
        self._sample_rate = sample_rate
        self._gain = np.float32(10 ** (gain_db / 20))
        self._ceiling = FULL_SCALE * 10 ** (ceiling_dbtp / 20)
        self._half = max(1, round(_HALF_WINDOW_MS * sample_rate / 1000))
        # What a block's output depends on lies this far to both sides of it.
        self._reach = 2 * (self._half - 1)
        self._margin = self._reach + _FILTER_REACH
        self._waiting = [np.zeros(self._margin, np.float32)]
        self._ready = 0

    def feed(self, samples: Samples) -> Samples:
        """What can be told by now; it lags behind by some seconds at most.

        Args:
            samples: shape (n,).
        """
        self._waiting.append(samples * self._gain)
        self._ready += len(samples)
        if self._ready < _BLOCK + self._margin:
            return np.zeros(0, np.int16)
        return self._advance()

    def finish(self) -> Samples:
        """What is left. Nothing may be fed after it."""
        left = self._ready
        self._waiting.append(np.zeros(self._margin + _BLOCK, np.float32))
        self._ready += self._margin + _BLOCK
        return self._advance()[:left]

    def _advance(self) -> Samples:
        """Limit all whole blocks that have their surroundings."""
        waiting = np.concatenate(self._waiting)
        count = (self._ready - self._margin) // _BLOCK
        parts = [
            self._limit(waiting[start : start + _BLOCK + 2 * self._margin])
            for start in range(0, count * _BLOCK, _BLOCK)
        ]
        self._waiting = [waiting[count * _BLOCK :]]
        self._ready -= count * _BLOCK
        return np.concatenate(parts)

    def _limit(self, x: NDArray[np.float32]) -> Samples:
        """The samples of `x` without the margins at both ends."""
        inner = x[self._margin : len(x) - self._margin]
        peaks = self._peaks(x)[_FILTER_REACH : len(x) - _FILTER_REACH]
        if peaks.max() <= self._ceiling:
            return to_int16(inner.copy())
        needed = self._ceiling / np.maximum(peaks.astype(np.float64), self._ceiling)
        least = _sliding_min(needed, self._reach + 1)
        smooth = _sliding_mean(_sliding_mean(least, self._half), self._half)
        return to_int16(inner * smooth.astype(np.float32))

    def _peaks(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The highest that the waveform reaches from each sample up to the next."""
        rate = self._sample_rate
        fine = np.abs(soxr.resample(x, rate, OVERSAMPLING * rate, "HQ"))
        # soxr's filter takes a little of a click.
        peaks: NDArray[np.float32] = np.abs(x)
        for phase in range(OVERSAMPLING):
            np.maximum(peaks, fine[phase::OVERSAMPLING], out=peaks)
        return peaks


def _sliding_min(x: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The least of each `width` neighbours; `width - 1` fewer than there are in `x`."""
    span = 1
    while 2 * span <= width:
        x = np.minimum(x[:-span], x[span:])
        span *= 2
    rest = width - span
    return np.minimum(x[: len(x) - rest], x[rest:]) if rest else x


def _sliding_mean(x: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The mean of each `width` neighbours; `width - 1` fewer than there are in `x`."""
    sums = np.concatenate([[0.0], np.cumsum(x)])
    mean: NDArray[np.float64] = (sums[width:] - sums[:-width]) / width
    return mean
