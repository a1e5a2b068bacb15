from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.signals import speech_like
from stentor.audio import spool
from stentor.audio.pcm import Pcm
from stentor.audio.resample import resample
from stentor.audio.spool import Spool
from stentor.audio.stretch import stretch

FEW = 1000


@pytest.fixture(autouse=True)
def a_small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MEMORY_SAMPLES", FEW)


@given(lengths=st.lists(st.integers(0, 700), max_size=6), in_file=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_samples_come_back_in_order(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], in_file: bool
) -> None:
    folder = tmp_path_factory.getbasetemp() if in_file else None
    pieces = [speech_like(1, 1000)[:length] for length in lengths]
    with Spool(folder) as collected:
        for piece in pieces:
            collected.write(piece)
        assert collected.length == sum(lengths)
        samples = collected.finish()
    np.testing.assert_array_equal(samples, np.concatenate([np.zeros(0, np.int16), *pieces]))


def test_giving_up_leaves_nothing(tmp_path: Path) -> None:
    before = psutil.Process().num_fds()
    with pytest.raises(ZeroDivisionError), Spool(tmp_path) as collected:
        collected.write(np.zeros(2 * FEW, np.int16))
        assert psutil.Process().num_fds() == before + 1
        raise ZeroDivisionError
    assert psutil.Process().num_fds() == before
    assert list(tmp_path.iterdir()) == []


def test_resampling_into_a_file_gives_the_same_samples(tmp_path: Path) -> None:
    samples = speech_like(20, 22050)
    in_file = resample(samples, 22050, 24000, tmp_path)
    assert not in_file.flags.writeable
    np.testing.assert_array_equal(in_file, resample(samples, 22050, 24000))


@pytest.mark.parametrize("speed", [0.25, 0.8, 1.5, 4.0])
def test_stretching_into_a_file_gives_the_same_samples(tmp_path: Path, speed: float) -> None:
    pcm = Pcm(speech_like(20, 22050), 22050)
    in_file = stretch(pcm, speed, tmp_path)
    assert len(in_file.samples) == round(len(pcm.samples) / speed)
    assert not in_file.samples.flags.writeable
    np.testing.assert_array_equal(in_file.samples, stretch(pcm, speed).samples)
