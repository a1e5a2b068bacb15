"""The stand-ins for ears hear what they are for."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench.hearing import clicks, joins_in, silences

RATE = 22_050


def tone(seconds: float) -> np.ndarray:
    wave = np.sin(np.arange(int(seconds * RATE)) * 0.06) * 8000
    ramp = np.minimum(1, np.arange(len(wave)) / 110)
    return np.asarray(wave * ramp * ramp[::-1], np.int16)


def test_a_step_at_a_join_is_a_click_and_a_faded_edge_is_none() -> None:
    gap = np.zeros(2000, np.int16)
    clean = np.concatenate([tone(1), gap, tone(1)])
    assert clicks(clean) == []
    cut = np.concatenate([tone(1)[:-300], gap, tone(1)])
    assert len(clicks(cut)) == 1


def test_a_long_pause_is_found_where_it_is() -> None:
    audio = np.concatenate([tone(1), np.zeros(int(1.5 * RATE), np.int16), tone(1)])
    [gap] = silences(audio, RATE, 1.2)
    assert (gap.at_s, gap.length_s) == pytest.approx((1, 1.5), abs=0.02)


def test_what_is_missing_or_doubled_shows() -> None:
    wanted = [f"w{n}" for n in range(1500)]
    heard = wanted[:300] + wanted[310:900] + wanted[890:]
    kinds = [
        (kind, b - a, d - c) for kind, a, b, c, d in joins_in(wanted, heard) if kind != "equal"
    ]
    assert sum(gone for _, gone, _ in kinds) == 10
    assert sum(more for _, _, more in kinds) == 10
