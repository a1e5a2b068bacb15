"""Changing the sample rate (soxr, high quality)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr  # type: ignore[import-untyped]

from stentor.audio.pcm import Samples, blocks, to_int16
from stentor.audio.spool import Spool


class Resampler:
    """A stream of mono samples at another rate.

    The whole output has round(n * target_rate / source_rate) samples and does not depend on how
    the input was cut. soxr runs in float because its 16 bit output is dithered: silence would
    not stay silent, and the result would depend on the cuts.

    Args:
        source_rate, target_rate: in Hz.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._stream = soxr.ResampleStream(source_rate, target_rate, 1, "float32", "HQ")

    def feed(self, samples: Samples) -> Samples:
        """Resample a chunk; what comes out lags behind by some milliseconds."""
        return to_int16(self._stream.resample_chunk(np.asarray(samples, np.float32)))

    def finish(self) -> Samples:
        """What is left. Nothing may be fed after it."""
        return to_int16(self._stream.resample_chunk(np.zeros(0, np.float32), last=True))


def resample(
    samples: Samples, source_rate: int, target_rate: int, folder: Path | None = None
) -> Samples:
    """Resample the whole of `samples`.

    Args:
        folder: where a long result goes, in a file without a name; None to keep it in memory.

    Raises:
        OSError: the folder cannot be written to.
    """
    if source_rate == target_rate:
        return samples
    resampler = Resampler(source_rate, target_rate)
    with Spool(folder) as spool:
        for block in blocks(samples):
            spool.write(resampler.feed(block))
        spool.write(resampler.finish())
        return spool.finish()
