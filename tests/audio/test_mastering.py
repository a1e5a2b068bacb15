from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audio.signals import level_db, speech_like
from audio.test_loudness import cut, reference, tone
from stentor.audio.limit import Limiter
from stentor.audio.loudness import measure
from stentor.audio.mastering import find_gain, master
from stentor.audio.pcm import Samples
from stentor.audio.settings import LOUDNESS_PRESETS, LoudnessTarget

RATE = 24000
PODCAST = LOUDNESS_PRESETS["podcast"]

every_preset = pytest.mark.parametrize("preset", LOUDNESS_PRESETS)


@cache
def narration(sample_rate: int = RATE) -> Samples:
    """Sentences with pauses, each beginning with a peak that stands 10 dB above the rest."""
    sentence = speech_like(4, sample_rate).astype(float)
    sentence[sample_rate * 108 // 100 : sample_rate * 112 // 100] *= 3
    pause = np.zeros(sample_rate // 2)
    samples = np.concatenate([sentence, pause] * 6).clip(-32768, 32767).astype(np.int16)
    samples.flags.writeable = False
    return samples


def reader(samples: Samples) -> Callable[[], Iterator[Samples]]:
    return lambda: cut(samples, 50_000)


def mastered(samples: Samples, target: LoudnessTarget, rate: int = RATE) -> Samples:
    return np.concatenate(list(master(reader(samples), rate, target)))


@every_preset
@pytest.mark.parametrize("rate", [16000, 22050, 48000])
@pytest.mark.parametrize("level", [0.03, 1.0])
def test_speech_comes_to_the_target_and_its_peaks_stay_below(
    preset: str, rate: int, level: float
) -> None:
    target = LOUDNESS_PRESETS[preset]
    samples = (narration(rate) * level).astype(np.int16)
    result = mastered(samples, target, rate)
    assert len(result) == len(samples)
    loudness, peak = reference(result, rate)
    assert loudness == pytest.approx(target.lufs, abs=0.3)
    assert peak <= target.true_peak_dbtp


def test_the_limiter_is_needed_for_what_is_tested_here() -> None:
    found = measure([narration()], RATE)
    assert found.true_peak_dbtp + PODCAST.lufs - found.integrated_lufs > PODCAST.true_peak_dbtp + 2


def test_few_passes_are_needed() -> None:
    samples = speech_like(20, RATE)
    passes = []

    def read() -> Iterator[Samples]:
        passes.append(1)
        return cut(samples)

    gain = find_gain(read, RATE, LoudnessTarget(-11.2, -1.0))
    assert gain.loudness.integrated_lufs == pytest.approx(-11.2, abs=0.2)
    assert len(passes) <= 4


def test_without_high_peaks_every_sample_gets_the_same_gain() -> None:
    samples = tone(-30, 3, RATE)
    gain = find_gain(reader(samples), RATE, PODCAST)
    expected = np.rint(samples * 10 ** (gain.gain_db / 20))
    np.testing.assert_allclose(mastered(samples, PODCAST), expected, atol=1)


def test_the_loudness_that_is_promised_is_that_of_the_result() -> None:
    for samples in (narration(), tone(-30, 3, RATE)):
        promised = find_gain(reader(samples), RATE, PODCAST).loudness
        found = measure([mastered(samples, PODCAST)], RATE)
        assert promised.integrated_lufs == pytest.approx(found.integrated_lufs, abs=0.02)
        assert promised.true_peak_dbtp == pytest.approx(found.true_peak_dbtp, abs=0.02)
        assert promised.seconds == found.seconds


def test_a_narration_as_audiobook_meets_what_acx_asks_for() -> None:
    result = mastered(narration(), LOUDNESS_PRESETS["audiobook"])
    assert -23 <= level_db(result) <= -18
    assert np.abs(result.astype(int)).max() <= 32768 * 10 ** (-3 / 20)
    assert level_db(result[4 * RATE : 4 * RATE + RATE // 2]) <= -60


@pytest.mark.parametrize("length", [0, 1, 5000, 50_000, 240_000])
def test_silence_stays_as_it_is(length: int) -> None:
    samples = np.zeros(length, np.int16)
    assert find_gain(reader(samples), RATE, PODCAST).gain_db == 0
    np.testing.assert_array_equal(mastered(samples, PODCAST), samples)


def test_what_is_too_quiet_to_be_measured_stays_as_it_is() -> None:
    samples = tone(-80, 2, RATE)
    np.testing.assert_array_equal(mastered(samples, PODCAST), samples)


@pytest.mark.parametrize("length", [1, 200, 2400, 9000])
def test_what_is_shorter_than_a_block_comes_to_the_target(length: int) -> None:
    result = mastered(speech_like(1, RATE)[3000 : 3000 + length], PODCAST)
    found = measure([result], RATE)
    assert len(result) == length
    assert found.true_peak_dbtp <= PODCAST.true_peak_dbtp
    if length > 2000:
        assert found.integrated_lufs == pytest.approx(PODCAST.lufs, abs=0.5)


def test_clicks_in_silence_end_with_peaks_below_the_limit_and_say_what_was_reached() -> None:
    samples = np.zeros(20 * RATE, np.int16)
    samples[:: RATE // 2] = 30_000
    gain = find_gain(reader(samples), RATE, PODCAST)
    result = mastered(samples, PODCAST)
    assert gain.loudness.integrated_lufs < PODCAST.lufs - 1
    assert reference(result, RATE)[1] <= PODCAST.true_peak_dbtp


@given(
    arrays(np.int16, st.integers(1, 3000), elements=st.integers(-32768, 32767)),
    st.floats(-20, 40),
    st.floats(-20, -0.2),
)
def test_no_waveform_gets_over_the_ceiling(
    samples: Samples, gain_db: float, ceiling_dbtp: float
) -> None:
    limiter = Limiter(RATE, gain_db, ceiling_dbtp)
    result = np.concatenate([limiter.feed(samples), limiter.finish()])
    assert len(result) == len(samples)
    assert measure([result], RATE).true_peak_dbtp <= ceiling_dbtp + 0.01


def test_the_blocks_that_are_worked_in_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(-30_000, 30_000, 200_000).astype(np.int16)
    results = []
    for block in (1 << 15, 2 * RATE // 1000):
        monkeypatch.setattr("stentor.audio.limit._BLOCK", block)
        limiter = Limiter(RATE, 20.0, -1.0)
        results.append(np.concatenate([limiter.feed(noise), limiter.finish()]))
    np.testing.assert_allclose(*results, atol=1)


@pytest.fixture(scope="module")
def limited() -> tuple[Samples, Samples]:
    """Samples, and what a limiter makes of them at once."""
    samples = np.tile(narration(), 2)[:200_000]
    limiter = Limiter(RATE, 12.0, -1.0)
    return samples, np.concatenate([limiter.feed(samples), limiter.finish()])


@given(cuts=st.lists(st.integers(0, 200_000), max_size=6))
def test_the_result_does_not_depend_on_the_cuts(
    limited: tuple[Samples, Samples], cuts: list[int]
) -> None:
    samples, whole = limited
    limiter = Limiter(RATE, 12.0, -1.0)
    places = sorted(cuts)
    parts = [
        limiter.feed(samples[start:end])
        for start, end in zip([0, *places], [*places, len(samples)], strict=True)
    ]
    np.testing.assert_array_equal(np.concatenate([*parts, limiter.finish()]), whole)


def test_the_limiter_leaves_alone_what_is_far_from_a_peak() -> None:
    samples = tone(-30, 2, RATE)
    peak = samples.copy()
    peak[RATE] = 32767
    limiter = Limiter(RATE, 6.0, -1.0)
    result = np.concatenate([limiter.feed(peak), limiter.finish()])
    expected = np.rint(samples * 10 ** (6 / 20))
    reach = RATE * 31 // 1000
    np.testing.assert_allclose(result[: RATE - reach], expected[: RATE - reach], atol=1)
    np.testing.assert_allclose(result[RATE + reach :], expected[RATE + reach :], atol=1)
    assert abs(int(result[RATE - 3])) < abs(expected[RATE - 3])


def test_the_gain_moves_smoothly() -> None:
    samples = np.concatenate([tone(-20, 1, RATE, 500), tone(-1, 1, RATE, 500)])
    limiter = Limiter(RATE, 10.0, -3.0)
    limited = np.concatenate([limiter.feed(samples), limiter.finish()])
    loud = np.flatnonzero(np.abs(samples) > 2000)
    gain = limited[loud] / samples[loud]
    assert gain[0] == pytest.approx(10 ** (10 / 20), abs=0.01)
    assert gain[-1] == pytest.approx(10 ** (-2 / 20), abs=0.01)
    slope = np.abs(np.diff(gain) / np.diff(loud)) * RATE / 1000
    assert slope.max() < 0.25, "per millisecond"


def test_memory_does_not_grow_with_the_audio() -> None:
    import psutil

    piece = narration()
    limiter = Limiter(RATE, 12.0, -1.0)
    for _ in range(10):
        limiter.feed(piece)
    before = psutil.Process().memory_info().rss
    # 52 MB of samples.
    for _ in range(40):
        limiter.feed(piece)
    assert psutil.Process().memory_info().rss - before < 20e6
