"""How loud audio is to a listener, and how high its waveform reaches between the samples."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import av.filter
import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from stentor.audio.frames import pull, to_frame
from stentor.audio.pcm import FULL_SCALE, Samples

OVERSAMPLING = 8
"""Times the sample rate at which true peaks are looked for.

ITU-R BS.1770-4, annex 2, asks for 192 kHz at least, and for 4 times at 48 kHz. At 4 times 24 kHz,
peaks of limited speech were found 0.15 dB too low.
"""

_BLOCK_SECONDS = 0.4
# soxr answers with too high a peak for a single sample with nothing around it.
_EDGE = np.zeros(64, np.float32)
# What FFmpeg answers when every block lies below the absolute gate.
_GATED_LUFS = -70.0


@dataclass(frozen=True, slots=True)
class Loudness:
    """The loudness of one stretch of mono audio.

    Attributes:
        integrated_lufs: ITU-R BS.1770-4, of one channel: a sine of 997 Hz at full scale has
            -3.01, and the same file played by two loudspeakers is 3 LU louder. To 0.01; -inf
            where no block of 400 ms reaches -70.
        true_peak_dbtp: relative to full scale; above 0 where the waveform between the samples
            exceeds it, -inf for digital silence.
        seconds: how long it is.
    """

    integrated_lufs: float
    true_peak_dbtp: float
    seconds: float


class LoudnessMeter:
    """Measures a stream in memory that does not grow, whatever the pieces it comes in.

    The integrated loudness is FFmpeg's `ebur128`: K-weighting, blocks of 400 ms every 100 ms, an
    absolute gate at -70 LUFS and a relative one 10 LU below what passes it. What is left at the
    end, less than 100 ms, belongs to no block. Audio of less than one block counts as a block of
    its own length.

    Args:
        sample_rate: in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._samples = 0
        self._integrated = -math.inf
        self._peak = 0.0
        self._oversampler = soxr.ResampleStream(
            sample_rate, OVERSAMPLING * sample_rate, 1, "float32", "HQ"
        )
        self._note_peak(self._oversampler.resample_chunk(_EDGE))
        self._graph = av.filter.Graph()
        self._graph.link_nodes(
            self._graph.add_abuffer(sample_rate=sample_rate, format="s16", layout="mono"),
            self._graph.add("ebur128", "metadata=1"),
            self._graph.add("abuffersink"),
        ).configure()

    def feed(self, samples: Samples) -> None:
        """Measure on.

        Args:
            samples: shape (n,).
        """
        if len(samples) == 0:
            return
        self._weigh(samples)
        x = samples.astype(np.float32)
        # The oversampling filter takes a little of what lies close to half the sample rate, so
        # that a click has its peak at the sample.
        self._note_peak(x)
        self._note_peak(self._oversampler.resample_chunk(x))

    def finish(self) -> Loudness:
        """The loudness of all that was fed. Nothing may be fed after it."""
        samples, block = self._samples, math.ceil(_BLOCK_SECONDS * self._sample_rate)
        correction = 0.0
        if 0 < samples < block:
            self._weigh(np.zeros(block - samples, np.int16))
            correction = 10 * math.log10(block / samples)
        self._graph.push(None)
        self._read()
        self._note_peak(self._oversampler.resample_chunk(_EDGE, last=True))
        return Loudness(
            self._integrated + correction,
            decibels(self._peak / FULL_SCALE),
            samples / self._sample_rate,
        )

    def _weigh(self, samples: Samples) -> None:
        self._graph.push(to_frame(samples, self._sample_rate, self._samples))
        self._samples += len(samples)
        self._read()

    def _read(self) -> None:
        for frame in pull(self._graph):
            # The last frame is no whole 100 ms and brings nothing.
            if (integrated := frame.metadata.get("lavfi.r128.I")) is not None:
                value = float(integrated)
                self._integrated = value if value > _GATED_LUFS else -math.inf

    def _note_peak(self, x: NDArray[np.float32]) -> None:
        if len(x):
            self._peak = max(self._peak, float(x.max()), -float(x.min()))


def measure(pieces: Iterable[Samples], sample_rate: int) -> Loudness:
    """The loudness of a whole that comes in pieces, each of shape (n,)."""
    meter = LoudnessMeter(sample_rate)
    for piece in pieces:
        meter.feed(piece)
    return meter.finish()


def decibels(amplitude: float) -> float:
    """An amplitude relative to 1, in dB; -inf for 0."""
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf
