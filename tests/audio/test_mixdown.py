from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.signals import decode as decode_file
from audio.signals import speech_like
from stentor.audio.join import Joiner
from stentor.audio.loudness import measure
from stentor.audio.m4b import BookMetadata
from stentor.audio.mixdown import Mixdown, MixSettings, Stopped
from stentor.audio.mpeg import id3v2_end, mp3_frame
from stentor.audio.pcm import BLOCK, Pcm, Samples
from stentor.audio.settings import EncoderSettings, LoudnessTarget
from stentor.contract import STREAM_FORMATS, ResponseFormat
from upstream.sound import encoded

RATE = 22050


def mixdown(folder: Path, response_format: ResponseFormat, name: str = "audio") -> Mixdown:
    return Mixdown(
        folder / f"{name}.{response_format}", response_format, RATE, MixSettings(EncoderSettings())
    )


def segments() -> list[tuple[Samples, int, int]]:
    """Samples, their rate, and the pause after them: short, long, silent, none, other rates."""
    return [
        (speech_like(1, RATE), RATE, 300),
        (speech_like(9, RATE), RATE, 0),
        (speech_like(7, 24000), 24000, 5),
        (np.zeros(0, np.int16), RATE, 700),
        (np.full(1, 900, np.int16), RATE, 0),
        (np.zeros(3 * BLOCK, np.int16), RATE, 40),
        (speech_like(2, 8000), 8000, 10_000),
    ]


@pytest.mark.parametrize("response_format", STREAM_FORMATS)
def test_bytes_and_pcm_make_the_same_file(tmp_path: Path, response_format: ResponseFormat) -> None:
    by_bytes, by_pcm, by_steps = (mixdown(tmp_path, response_format, name) for name in "abc")
    for samples, rate, pause in segments():
        seconds = by_bytes.add(samples.tobytes(), rate, pause)
        assert by_pcm.add_pcm(Pcm(samples, rate), pause) == seconds
        steps = list(by_steps.steps(Pcm(samples, rate), pause))
        assert steps == sorted(steps) and steps[-1] == seconds
    made = [one.close() for one in (by_bytes, by_pcm, by_steps)]
    assert made[0] == made[1] == made[2]
    assert made[0].encoded.duration_seconds == seconds
    a, b, c = ((tmp_path / f"{name}.{response_format}").read_bytes() for name in "abc")
    assert a == b == c


def test_a_long_segment_comes_in_steps_of_some_seconds(tmp_path: Path) -> None:
    long = mixdown(tmp_path, "wav")
    steps = list(long.steps(Pcm(speech_like(60, RATE), RATE), 0))
    long.abort()
    assert len(steps) > 15
    assert max(np.diff(steps)) < 5


def test_what_was_not_taken_to_the_end_can_be_aborted(tmp_path: Path) -> None:
    given_up = mixdown(tmp_path, "mp3")
    next(given_up.steps(Pcm(speech_like(20, RATE), RATE), 0))
    given_up.abort()
    with pytest.raises(RuntimeError):
        given_up.close()


@given(
    start=st.integers(0, 3 * BLOCK),
    length=st.integers(0, 3 * BLOCK),
    tail=st.integers(0, 2 * BLOCK),
    pause_ms=st.sampled_from([0, 10, 400]),
)
@settings(max_examples=60, deadline=None)
def test_blocks_do_not_change_what_is_joined(
    start: int, length: int, tail: int, pause_ms: int
) -> None:
    speech = speech_like(30, RATE)[RATE : RATE + length]
    samples = np.concatenate([np.zeros(start, np.int16), speech, np.zeros(tail, np.int16)])
    joined = Joiner(RATE).add(Pcm(samples, RATE), pause_ms)
    pieces = list(joined.blocks())
    np.testing.assert_array_equal(np.concatenate(pieces), joined.samples)
    assert joined.length == len(joined.samples)
    assert max(len(piece) for piece in pieces) <= BLOCK
    loud = np.flatnonzero(np.abs(samples.astype(int)) > np.abs(speech).max(initial=0) * 10**-2.5)
    if len(speech) > 1000:
        middle = samples[loud[0] + 200 : loud[-1] - 200]
        at = joined.origin + loud[0] + 200
        np.testing.assert_array_equal(joined.samples[at : at + len(middle)], middle)


def test_a_body_is_not_copied() -> None:
    samples = speech_like(30, RATE)
    joined = Joiner(RATE).add(Pcm(samples, RATE), 200)
    shared = sum(len(piece) for piece in joined.blocks() if np.shares_memory(piece, samples))
    assert shared > len(samples) - 0.2 * RATE


# Anonymous memory alone: pages of files that are mapped can be dropped at any time.
MEMORY = """
import sys, threading, time
from pathlib import Path
import psutil
from stentor.audio.decode import decode
from stentor.audio.form import AudioForm
from stentor.audio.loudness import measure
from stentor.audio.m4b import BookMetadata
from stentor.audio.mixdown import Mixdown, MixSettings, Stopped
from stentor.audio.settings import EncoderSettings, LoudnessTarget

folder, response_format, rate = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def work(name):
    decoded = decode(folder / name, AudioForm("mp3"), folder=folder)
    mixdown = Mixdown(folder / "out", response_format, rate, MixSettings(EncoderSettings()))
    mixdown.add_pcm(decoded.pcm, 300)
    return mixdown.close().encoded.duration_seconds

def anonymous():
    memory = psutil.Process().memory_info()
    return memory.rss - memory.shared

work("short")
before, most, done = anonymous(), 0, threading.Event()
def watch():
    global most
    while not done.wait(0.002):
        most = max(most, anonymous())
watcher = threading.Thread(target=watch)
watcher.start()
started = time.perf_counter()
seconds = work("long")
elapsed = time.perf_counter() - started
done.set()
watcher.join()
print(seconds, most - before, elapsed)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="shared memory is told by Linux alone")
@pytest.mark.parametrize(("response_format", "rate"), [("wav", 24000), ("pcm", 22050)])
def test_half_an_hour_is_decoded_and_mixed_in_little_memory(
    tmp_path: Path, response_format: ResponseFormat, rate: int
) -> None:
    minute = encoded(speech_like(60, 24000), 24000, "mp3")
    start = id3v2_end(minute, 0)
    info = mp3_frame(minute, start)
    assert info is not None
    (tmp_path / "short").write_bytes(minute)
    (tmp_path / "long").write_bytes(minute[start + info.size :] * 30)
    child = [sys.executable, "-c", MEMORY, str(tmp_path), response_format, str(rate)]
    done = subprocess.run(child, check=True, capture_output=True, text=True, timeout=60)
    seconds, growth, elapsed = map(float, done.stdout.split())
    assert seconds == pytest.approx(1800, abs=2)
    # The samples take 86 MB.
    assert growth < 40_000_000
    assert elapsed < 5
    assert sorted(one.name for one in tmp_path.iterdir()) == ["long", "out", "short"]


def test_a_segment_in_a_file_is_joined_as_one_in_memory(tmp_path: Path) -> None:
    samples = speech_like(20, 24000)
    samples.tofile(tmp_path / "samples")
    mapped = np.memmap(tmp_path / "samples", np.int16, "r")
    for name, one in (("memory", samples), ("mapped", mapped)):
        mixed = mixdown(tmp_path, "flac", name)
        mixed.add_pcm(Pcm(one, 24000), 100)
        mixed.close()
    a, b = (decode_file(tmp_path / f"{name}.flac")[0] for name in ("memory", "mapped"))
    np.testing.assert_array_equal(a, b)


def test_a_whole_is_as_loud_as_was_asked_for_and_lists_its_chapters(tmp_path: Path) -> None:
    target = LoudnessTarget(-18.0, -1.0)
    mix = MixSettings(EncoderSettings(), target, BookMetadata("Tales", ("Anna",)))
    mixdown = Mixdown(tmp_path / "book.m4b", "m4b", RATE, mix)
    assert not mixdown.grows
    for number in range(3):
        mixdown.begin_chapter(f"Chapter {number}")
        mixdown.add_pcm(Pcm(speech_like(8 + number, RATE), RATE), 500)
    mixed = mixdown.close()
    assert mixed.loudness_lufs == pytest.approx(-18.0, abs=0.3)
    starts = [one.start_ms for one in mixed.chapters]
    assert starts == pytest.approx([0, 8500, 18000], abs=250)
    with av.open(str(tmp_path / "book.m4b")) as book:
        assert [one["metadata"]["title"] for one in book.chapters()] == [
            "Chapter 0",
            "Chapter 1",
            "Chapter 2",
        ]
        assert book.metadata["title"] == "Tales"
        samples = np.concatenate([frame.to_ndarray()[0] for frame in book.decode(audio=0)])
    pieces = [(samples * 32767).astype(np.int16)]
    assert measure(pieces, RATE).integrated_lufs == pytest.approx(-18.0, abs=0.5)


def test_mastering_can_be_stopped_from_another_thread(tmp_path: Path) -> None:
    mixdown = Mixdown(
        tmp_path / "out.wav", "wav", RATE, MixSettings(EncoderSettings(), LoudnessTarget())
    )
    mixdown.add_pcm(Pcm(speech_like(30, RATE), RATE), 0)
    mixdown.stop()
    with pytest.raises(Stopped):
        mixdown.close()
    mixdown.abort()


def test_silence_stays_silent_whatever_loudness_is_asked_for(tmp_path: Path) -> None:
    mixdown = Mixdown(
        tmp_path / "out.wav", "wav", RATE, MixSettings(EncoderSettings(), LoudnessTarget())
    )
    mixdown.add_pcm(Pcm(np.zeros(RATE, np.int16), RATE), 0)
    assert mixdown.close().loudness_lufs == -math.inf
