"""Samples as FFmpeg takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction

import av
import av.filter
import numpy as np

from stentor.audio.pcm import Samples


def to_frame(samples: Samples, sample_rate: int, position: int) -> av.AudioFrame:
    """One frame of any length.

    Args:
        sample_rate: in Hz.
        position: samples that came before.
    """
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples)[np.newaxis], format="s16", layout="mono"
    )
    frame.sample_rate = sample_rate
    frame.time_base = Fraction(1, sample_rate)
    frame.pts = position
    return frame


def pull(graph: av.filter.Graph) -> Iterator[av.AudioFrame]:
    """What the graph can give by now."""
    with suppress(av.EOFError, av.BlockingIOError):
        while True:
            frame = graph.pull()
            assert isinstance(frame, av.AudioFrame)
            yield frame
