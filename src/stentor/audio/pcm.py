"""The one form that audio takes inside the house: mono, signed 16 bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

FULL_SCALE = 32768
BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Pcm:
    """A stretch of mono audio.

    Attributes:
        samples: shape (n,).
        sample_rate: in Hz.
    """

    samples: Samples
    sample_rate: int

    @classmethod
    def from_bytes(cls, data: bytes, sample_rate: int) -> Pcm:
        """Read signed 16 bit samples in native byte order, without copying.

        Raises:
            ValueError: the bytes are not a whole number of samples.
        """
        return cls(np.frombuffer(data, np.int16), sample_rate)

    @property
    def duration_seconds(self) -> float:
        return len(self.samples) / self.sample_rate


def blocks(samples: Samples) -> Iterator[Samples]:
    """The samples in pieces of 1 to 3 seconds, without copying; nothing if there are none."""
    for start in range(0, len(samples), BLOCK):
        yield samples[start : start + BLOCK]


def silence(ms: int, sample_rate: int) -> Samples:
    """Zeros for `ms` milliseconds, to the nearest sample."""
    return np.zeros(round(ms * sample_rate / 1000), np.int16)


def from_float(x: NDArray[np.float32]) -> Samples:
    """Convert samples in [-1, 1], of any shape; what lies outside is clipped."""
    return to_int16(x * np.float32(FULL_SCALE))


def to_int16(x: NDArray[np.float32]) -> Samples:
    """Round samples that are already in units of 16 bit, clipping; `x` is overwritten."""
    np.rint(x, out=x)
    np.clip(x, -FULL_SCALE, FULL_SCALE - 1, out=x)
    return x.astype(np.int16)
