from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.signals import speech_like
from stentor.audio.resample import Resampler, resample

RATES = (8000, 16000, 22050, 24000, 44100, 48000)


@given(
    source=st.sampled_from(RATES),
    target=st.sampled_from(RATES),
    cuts=st.lists(st.integers(0, 9000), max_size=8),
    length=st.integers(0, 9000),
)
@settings(max_examples=60, deadline=None)
def test_the_output_has_the_right_length_and_does_not_depend_on_the_cuts(
    source: int, target: int, cuts: list[int], length: int
) -> None:
    samples = speech_like(1, 9000)[:length]
    resampler = Resampler(source, target)
    chunks = [resampler.feed(chunk) for chunk in np.split(samples, sorted(cuts))]
    streamed = np.concatenate([*chunks, resampler.finish()])
    assert abs(len(streamed) - length * target / source) <= 0.5
    if source != target:
        np.testing.assert_array_equal(streamed, resample(samples, source, target))


def test_silence_stays_silent() -> None:
    assert not resample(np.zeros(5000, np.int16), 22050, 24000).any()


def test_full_scale_clips_instead_of_wrapping() -> None:
    square = np.where(np.arange(8000) % 100 < 50, 32767, -32768).astype(np.int16)
    result = resample(square, 8000, 24000).astype(int)
    middle = result[3000:-3000].reshape(-1, 300)[:, 20:130]
    assert (middle > 28000).all()


@pytest.mark.parametrize("target", [24000, 44100])
def test_a_tone_keeps_its_frequency_and_level(target: int) -> None:
    tone = (9000 * np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050)).astype(np.int16)
    result = resample(tone, 22050, target)
    expected = 9000 * np.sin(2 * np.pi * 1000 * np.arange(target) / target)
    assert np.abs(result - expected)[200:-200].max() < 3


def test_what_the_lower_rate_cannot_hold_is_removed() -> None:
    tone = (9000 * np.sin(2 * np.pi * 15000 * np.arange(44100) / 44100)).astype(np.int16)
    assert np.abs(resample(tone, 44100, 24000)[200:-200]).max() <= 1
