"""Measuring and limiting, beside PyAV's filters alone: `ebur128` with true peaks, `alimiter`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from statistics import median

import av
import av.filter
import numpy as np

from bench.encoding import _speech_like
from bench.table import Row
from stentor.audio.limit import Limiter
from stentor.audio.loudness import LoudnessMeter

RATE = 22_050
PIECE = 4 * RATE
ROUNDS = 5
REAL_TIME = 200
# The signal peaks at -14.5 dBTP: nearly every block has something to limit.
GAIN_DB = 18.0


def run() -> list[Row]:
    """Ours and the filters, in turn."""
    samples = _speech_like()
    return [
        _compare("measure loudness", samples, _measure, "ebur128=metadata=1:peak=true", REAL_TIME),
        _compare(
            "limit true peaks",
            samples,
            _limit,
            "alimiter=level_in=8:limit=0.7:level=false",
            REAL_TIME,
        ),
    ]


def _compare(
    what: str,
    samples: np.ndarray,
    ours: Callable[[np.ndarray], object],
    filter_and_options: str,
    least: int,
) -> Row:
    seconds = len(samples) / RATE
    name, _, options = filter_and_options.partition("=")
    pairs = [
        (_time(ours, samples), _time(lambda x: _filter(x, name, options), samples))
        for _ in range(ROUNDS)
    ]
    ratio = median(mine / plain for mine, plain in pairs)
    mine, plain = (median(column) for column in zip(*pairs, strict=True))
    return Row(
        what,
        f"{mine * 1000:.0f} ms, {seconds / mine:,.0f}x real time",
        f"{name} alone {plain * 1000:.0f} ms",
        ratio,
        f">= {least}x real time",
        seconds / mine >= least,
    )


def _time(work: Callable[[np.ndarray], object], samples: np.ndarray) -> float:
    started = time.perf_counter()
    work(samples)
    return time.perf_counter() - started


def _measure(samples: np.ndarray) -> None:
    meter = LoudnessMeter(RATE)
    for start in range(0, len(samples), PIECE):
        meter.feed(samples[start : start + PIECE])
    meter.finish()


def _limit(samples: np.ndarray) -> None:
    limiter = Limiter(RATE, GAIN_DB, -3.0)
    for start in range(0, len(samples), PIECE):
        limiter.feed(samples[start : start + PIECE])
    limiter.finish()


def _filter(samples: np.ndarray, name: str, options: str) -> None:
    graph = av.filter.Graph()
    graph.link_nodes(
        graph.add_abuffer(sample_rate=RATE, format="s16", layout="mono"),
        graph.add(name, options),
        graph.add("abuffersink"),
    ).configure()
    for start in range(0, len(samples), PIECE):
        frame = av.AudioFrame.from_ndarray(
            samples[None, start : start + PIECE], format="s16", layout="mono"
        )
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        frame.pts = start
        graph.push(frame)
        _drain(graph)
    graph.push(None)
    _drain(graph)


def _drain(graph: av.filter.Graph) -> None:
    with suppress(av.EOFError, av.BlockingIOError):
        while True:
            graph.pull()
