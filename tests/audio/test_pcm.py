from __future__ import annotations

import numpy as np
import pytest

from stentor.audio.pcm import Pcm, from_float, silence


def test_floats_are_rounded_and_clipped_to_16_bit() -> None:
    x = np.array([-2, -1, -0.5, 0, 0.6 / 32768, 1, 2], np.float32)
    assert from_float(x).tolist() == [-32768, -32768, -16384, 0, 1, 32767, 32767]
    assert x[0] == -2, "the input was overwritten"


def test_silence_has_the_nearest_number_of_samples() -> None:
    assert silence(30, 22050).tolist() == [0] * 662
    assert silence(0, 22050).size == 0


def test_pcm_from_bytes_knows_its_duration() -> None:
    pcm = Pcm.from_bytes(np.arange(-50, 50, dtype=np.int16).tobytes(), 8000)
    assert pcm.samples.tolist() == list(range(-50, 50))
    assert pcm.duration_seconds == 0.0125


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError):
        Pcm.from_bytes(b"abc", 8000)
