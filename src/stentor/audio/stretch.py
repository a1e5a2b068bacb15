"""Speaking faster or slower at the same pitch (FFmpeg's `atempo`, a WSOLA time stretch)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import av
import av.filter
import numpy as np

from stentor.audio.frames import pull, to_frame
from stentor.audio.pcm import Pcm, Samples, blocks, silence
from stentor.audio.spool import Spool

# Without silence to run into, atempo drops up to 133 ms of the end; with this much, scaled by
# the speed, its output was at least 65 ms too long at speeds from 0.25 to 4.
_RUN_OUT_MS = 100


def stretch(pcm: Pcm, speed: float, folder: Path | None = None) -> Pcm:
    """Change the tempo and keep the pitch.

    The result has exactly round(n / speed) samples. Sounds stay within 40 ms of where
    arithmetic puts them, or within 40 ms of the input's time where it is slowed.

    Args:
        speed: above 0; 2.0 takes half the time, 1.0 returns `pcm` itself.
        folder: where a long result goes, in a file without a name; None to keep it in memory.

    Raises:
        OSError: the folder cannot be written to.
    """
    if speed == 1.0:
        return pcm
    run_out = silence(math.ceil(_RUN_OUT_MS * max(1.0, speed)), pcm.sample_rate)
    length = round(len(pcm.samples) / speed)
    with Spool(folder) as spool:
        for block in _atempo(chain(blocks(pcm.samples), [run_out]), pcm.sample_rate, speed):
            spool.write(block)
        return Pcm(spool.finish()[:length], pcm.sample_rate)


def _atempo(pieces: Iterable[Samples], sample_rate: int, speed: float) -> Iterator[Samples]:
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

    pushed = 0
    for samples in pieces:
        graph.push(to_frame(samples, sample_rate, pushed))
        pushed += len(samples)
        yield from _pulled(graph)
    graph.push(None)
    yield from _pulled(graph)


def _pulled(graph: av.filter.Graph) -> Iterator[Samples]:
    """All that the graph can give by now."""
    parts = [frame.to_ndarray()[0].astype(np.int16, copy=False) for frame in pull(graph)]
    if parts:
        yield np.concatenate(parts)
