from __future__ import annotations

import math

import numpy as np
import pytest

from audio.signals import level_db, speech_like
from stentor.audio.pcm import Pcm, Samples
from stentor.audio.stretch import stretch

RATE = 22050
SPEEDS = (0.25, 0.5, 0.8, 1.1, 1.5, 2.0, 3.0, 4.0)


def tone(frequency: float, seconds: float) -> Samples:
    t = np.arange(round(seconds * RATE)) / RATE
    return (9000 * np.sin(2 * np.pi * frequency * t)).astype(np.int16)


def test_speed_one_returns_the_same_audio() -> None:
    pcm = Pcm(speech_like(1, RATE), RATE)
    assert stretch(pcm, 1.0) is pcm


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("length", [0, 1, 10, 500, 4000, 50_001])
def test_the_length_is_exact(speed: float, length: int) -> None:
    stretched = stretch(Pcm(speech_like(3, RATE)[:length], RATE), speed)
    assert stretched.sample_rate == RATE
    assert len(stretched.samples) == round(length / speed)


@pytest.mark.parametrize("speed", SPEEDS)
def test_the_pitch_stays(speed: float) -> None:
    samples = stretch(Pcm(tone(440, 2), RATE), speed).samples
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert spectrum.argmax() * RATE / len(samples) == pytest.approx(440, abs=6)


@pytest.mark.parametrize("speed", SPEEDS)
def test_neither_the_start_nor_the_end_is_lost(speed: float) -> None:
    samples = np.concatenate([tone(2000, 0.1), tone(300, 1), tone(1000, 0.1)])
    stretched = stretch(Pcm(samples, RATE), speed).samples
    edge = math.ceil(0.06 / speed * RATE)
    for part, frequency in ((stretched[:edge], 2000), (stretched[-edge:], 1000)):
        assert level_db(part) > level_db(samples) - 3
        spectrum = np.abs(np.fft.rfft(part * np.hanning(edge), RATE))
        assert spectrum.argmax() == pytest.approx(frequency, abs=120)


@pytest.mark.parametrize("speed", SPEEDS)
def test_sounds_stay_where_the_speed_puts_them(speed: float) -> None:
    samples = np.zeros(3 * RATE, np.int16)
    samples[RATE : 2 * RATE] = tone(500, 1)
    loud = np.flatnonzero(np.abs(stretch(Pcm(samples, RATE), speed).samples) > 2000) / RATE
    tolerance = 0.04 * max(1, 1 / speed)
    assert loud[0] == pytest.approx(1 / speed, abs=tolerance)
    assert loud[-1] == pytest.approx(2 / speed, abs=tolerance)


def test_silence_stays_silent() -> None:
    assert not stretch(Pcm(np.zeros(RATE, np.int16), RATE), 1.5).samples.any()
