"""Sounds to test with, and their way back from a file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from stentor.audio.pcm import Samples, from_float

PCM_RATE = 24000
G711_RATE = 8000


@cache
def speech_like(seconds: float, sample_rate: int) -> Samples:
    """Syllables of a gliding voice below 3.5 kHz, silent for 50 ms at both ends."""
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    f0 = 120 + 30 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(f0) / sample_rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 24))
    syllables = np.sin(2 * np.pi * 2.5 * t) ** 2 + 0.1
    edge = np.clip((np.minimum(t, t[-1] - t) - 0.05) / 0.02, 0, 1)
    samples = from_float((0.2 * voice * syllables * edge).astype(np.float32))
    samples.flags.writeable = False
    return samples


def decode(path: Path) -> tuple[NDArray[np.float64], int]:
    """Samples in units of 16 bit, and the sample rate; headerless files are known by their name.

    FFmpeg does it, and nothing of what is tested.
    """
    if path.suffix == ".pcm":
        return np.fromfile(path, "<i2").astype(float), PCM_RATE
    law = {".ulaw": "mulaw", ".alaw": "alaw"}.get(path.suffix)
    if law and path.stat().st_size == 0:
        return np.zeros(0), G711_RATE
    options = {"sample_rate": str(G711_RATE)} if law else {}
    with av.open(str(path), format=law, options=options) as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
        sample_rate = container.streams.audio[0].rate
    if not frames:
        return np.zeros(0), sample_rate
    samples = np.concatenate(frames)
    return samples * (1.0 if samples.dtype == np.int16 else 32768.0), sample_rate


def level_db(x: NDArray[np.generic]) -> float:
    """RMS level relative to full scale."""
    return 20 * np.log10(np.sqrt(np.mean(np.square(x.astype(float)))) / 32768 + 1e-9)
