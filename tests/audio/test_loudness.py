from __future__ import annotations

import math
from collections.abc import Iterator

import av
import av.filter
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.signals import speech_like
from stentor.audio.frames import to_frame
from stentor.audio.loudness import Loudness, LoudnessMeter, measure
from stentor.audio.pcm import Samples

RATES = (8000, 16000, 22050, 24000, 44100, 48000)
ONE_CHANNEL = -3.01
"""A signal in one channel against the same signal in both, as the EBU's have it."""

every_rate = pytest.mark.parametrize("rate", RATES)


def tone(dbfs: float, seconds: float, rate: int, frequency: float = 1000) -> Samples:
    t = np.arange(round(seconds * rate)) / rate
    sine = 10 ** (dbfs / 20) * np.sin(2 * np.pi * frequency * t)
    return np.rint(32768 * sine).clip(-32768, 32767).astype(np.int16)


def cut(samples: Samples, size: int = 1 << 16) -> Iterator[Samples]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


def reference(samples: Samples, rate: int) -> tuple[float, float]:
    """Integrated loudness and true peak as FFmpeg's `ebur128` finds them."""
    graph = av.filter.Graph()
    graph.link_nodes(
        graph.add_abuffer(sample_rate=rate, format="s16", layout="mono"),
        graph.add("ebur128", "metadata=1:peak=true"),
        graph.add("abuffersink"),
    ).configure()
    graph.push(to_frame(samples, rate, 0))
    graph.push(None)
    found = {}
    while True:
        try:
            frame = graph.pull()
        except (av.EOFError, av.BlockingIOError):
            break
        found.update(frame.metadata)
    peak = float(found["lavfi.r128.true_peak"])
    return float(found["lavfi.r128.I"]), 20 * math.log10(peak)


def test_a_full_scale_tone_of_997_hz_is_at_minus_3_01() -> None:
    assert measure(cut(tone(0, 20, 48000, 997)), 48000).integrated_lufs == pytest.approx(
        -3.01, abs=0.05
    )


@every_rate
@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        # EBU Tech 3341, cases 1 to 5: level in dBFS and seconds.
        ([(-23, 20)], -23),
        ([(-33, 20)], -33),
        ([(-36, 10), (-23, 60), (-36, 10)], -23),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
    ],
    ids=["case 1", "case 2", "case 3", "case 4", "case 5"],
)
def test_the_signals_of_the_ebu_measure_what_it_says(
    rate: int, levels: list[tuple[float, float]], expected: float
) -> None:
    samples = np.concatenate([tone(dbfs, seconds, rate) for dbfs, seconds in levels])
    found = measure(cut(samples), rate)
    assert found.integrated_lufs == pytest.approx(expected + ONE_CHANNEL, abs=0.1)
    assert found.seconds == len(samples) / rate


@pytest.mark.parametrize(
    ("divisor", "phase", "amplitude", "expected"),
    [
        # EBU Tech 3341, cases 15 to 19: a tone at a fraction of the sample rate.
        (4, 0, 0.5, -6.0),
        (4, 45, 0.5, -6.0),
        (6, 60, 0.5, -6.0),
        (8, 67.5, 0.5, -6.0),
        (4, 45, 1.41, 3.0),
    ],
    ids=["case 15", "case 16", "case 17", "case 18", "case 19"],
)
@every_rate
def test_peaks_between_the_samples_are_found(
    rate: int, divisor: int, phase: float, amplitude: float, expected: float
) -> None:
    n = np.arange(rate)
    ramp = np.clip(np.minimum(n, n[::-1]) / (rate / 20), 0, 1)
    x = ramp * amplitude * np.sin(2 * np.pi * n / divisor + np.radians(phase))
    samples = np.rint(32767 * x).astype(np.int16)
    peak = measure(cut(samples), rate).true_peak_dbtp
    assert expected - 0.4 <= peak <= expected + 0.2


def test_a_click_peaks_at_its_sample() -> None:
    samples = np.zeros(24000, np.int16)
    samples[5000] = 16384
    assert measure([samples], 24000).true_peak_dbtp == pytest.approx(-6.02, abs=0.01)


@every_rate
def test_the_numbers_are_ffmpegs(rate: int) -> None:
    samples = speech_like(12.34, rate)
    loudness, peak = reference(samples, rate)
    found = measure(cut(samples, 999), rate)
    assert found.integrated_lufs == pytest.approx(loudness, abs=0.01)
    assert found.true_peak_dbtp == pytest.approx(peak, abs=0.1)


@given(st.lists(st.integers(0, 60_000), max_size=8))
def test_the_result_does_not_depend_on_the_cuts(cuts: list[int]) -> None:
    samples = speech_like(2.5, 24000)
    meter = LoudnessMeter(24000)
    places = sorted(cuts)
    for start, end in zip([0, *places], [*places, len(samples)], strict=True):
        meter.feed(samples[start:end])
    assert meter.finish() == measure([samples], 24000)


def test_silence_between_sentences_does_not_count() -> None:
    sentence, pause = tone(-20, 3, 24000), np.zeros(5 * 24000, np.int16)
    alone = measure([sentence], 24000).integrated_lufs
    spaced = measure([sentence, pause, sentence, pause], 24000).integrated_lufs
    assert spaced == pytest.approx(alone, abs=0.35)


@pytest.mark.parametrize("length", [0, 1, 9_000, 240_000])
def test_silence_has_no_loudness(length: int) -> None:
    found = measure([np.zeros(length, np.int16)], 24000)
    assert found == Loudness(-math.inf, -math.inf, length / 24000)


@every_rate
@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.39, 0.4, 0.41])
def test_what_is_shorter_than_a_block_is_as_loud_as_if_it_went_on(
    rate: int, seconds: float
) -> None:
    long = measure([tone(-20, 5, rate)], rate).integrated_lufs
    short = measure([tone(-20, seconds, rate)], rate).integrated_lufs
    assert short == pytest.approx(long, abs=0.1)


def test_memory_does_not_grow_with_the_audio() -> None:
    """FFmpeg's memory counts, so the process is asked."""
    import psutil

    piece = speech_like(30, 24000)
    meter = LoudnessMeter(24000)
    for _ in range(10):
        meter.feed(piece)
    before = psutil.Process().memory_info().rss
    # 58 MB of samples.
    for _ in range(40):
        meter.feed(piece)
    assert psutil.Process().memory_info().rss - before < 20e6
