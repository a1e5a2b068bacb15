"""Speaking faster or slower at the same pitch (FFmpeg's `atempo`, a WSOLA time stretch)."""

from __future__ import annotations

import math
from fractions import Fraction

import av
import av.filter
import numpy as np

from stentor.audio.pcm import Pcm, Samples, silence

# Without silence to run into, atempo drops up to 133 ms of the end; with this much, scaled by
# the speed, its output was at least 65 ms too long at speeds from 0.25 to 4.
_RUN_OUT_MS = 100


def stretch(pcm: Pcm, speed: float) -> Pcm:
    """Change the tempo and keep the pitch.

    The result has exactly round(n / speed) samples. Sounds stay within 40 ms of where
    arithmetic puts them, or within 40 ms of the input's time where it is slowed.

    Args:
        speed: above 0; 2.0 takes half the time, 1.0 returns `pcm` itself.
    """
    if speed == 1.0:
        return pcm
    run_out = silence(math.ceil(_RUN_OUT_MS * max(1.0, speed)), pcm.sample_rate)
    stretched = _atempo(np.concatenate([pcm.samples, run_out]), pcm.sample_rate, speed)
    return Pcm(stretched[: round(len(pcm.samples) / speed)], pcm.sample_rate)


def _atempo(samples: Samples, sample_rate: int, speed: float) -> Samples:
    # One stage an octave: atempo skips samples above 2 and refuses less than 0.5.
    stages = max(1, math.ceil(abs(math.log2(speed))))
    graph = av.filter.Graph()
    node = graph.add_abuffer(sample_rate=sample_rate, format="s16", layout="mono")
    for _ in range(stages):
        following = graph.add("atempo", f"{speed ** (1 / stages):.9f}")
        node.link_to(following)
        node = following
    node.link_to(graph.add("abuffersink"))
    graph.configure()

    frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
    frame.sample_rate = sample_rate
    frame.time_base = Fraction(1, sample_rate)
    frame.pts = 0
    graph.push(frame)
    graph.push(None)
    parts: list[Samples] = []
    while True:
        try:
            pulled = graph.pull()
        except av.EOFError:
            return np.concatenate(parts)
        assert isinstance(pulled, av.AudioFrame)
        parts.append(pulled.to_ndarray()[0].astype(np.int16, copy=False))
