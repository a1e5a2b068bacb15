from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio.signals import speech_like
from stentor.audio.decode import Decoded, decode
from stentor.audio.form import AudioForm, DecodeError
from stentor.audio.pcm import Samples
from stentor.audio.resample import resample
from upstream.sound import encoded

RATE = 24000
SPEECH = speech_like(1.5, RATE)

Read = Callable[[bytes], Decoded]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(data: bytes) -> Decoded:
        path = tmp_path / "answer"
        path.write_bytes(data)
        return decode(path, AudioForm("wav"))

    return read


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("codec", "step"),
    [
        ("pcm_u8", 256),
        ("pcm_s16le", 1),
        ("pcm_s24le", 1),
        ("pcm_s32le", 1),
        ("pcm_f32le", 1),
        ("pcm_f64le", 1),
        ("pcm_mulaw", 1024),
        ("pcm_alaw", 1024),
        ("adpcm_ms", 4096),
    ],
)
def test_a_wav_may_hold_samples_of_any_type(
    read: Read, codec: str, step: int, channels: int
) -> None:
    both = np.stack([SPEECH, SPEECH // 2], axis=1)[:, :channels]
    decoded = read(encoded(both, RATE, "wav", codec))
    assert decoded.channels == channels
    expected = both.mean(axis=1)
    assert len(decoded.pcm.samples) >= len(expected)
    error = np.abs(decoded.pcm.samples[: len(expected)] - expected)
    assert error.max() <= step
    assert error.mean() <= step / 2


def test_floats_out_of_range_are_clipped_and_no_numbers_are_silence(read: Read) -> None:
    values = np.array([0, 2, -2, np.nan, np.inf, -np.inf, 0.5], "<f4")
    header = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, 8000, 32000, 4, 32)
    body = b"WAVE" + header + b"data" + struct.pack("<I", 28) + values.tobytes()
    decoded = read(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert decoded.pcm.samples.tolist() == [0, 32767, -32768, 0, 32767, -32768, 16384]


def wav(
    samples: Samples, rate: int = RATE, *, size: int | None = None, extra: bytes = b""
) -> bytes:
    """A WAV, with this size in its header instead of the true one."""
    data = samples.astype("<i2").tobytes()
    told = len(data) if size is None else size
    return (
        struct.pack("<4sI4s", b"RIFF", min(told + 36 + len(extra), 0xFFFFFFFF), b"WAVE")
        + struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
        + extra
        + struct.pack("<4sI", b"data", told)
        + data
    )


SIZES = [None, 0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF - 36, 2 * len(SPEECH) + 2]


@pytest.mark.parametrize("size", SIZES)
def test_a_wav_with_a_wrong_size_is_read_to_its_end(read: Read, size: int | None) -> None:
    decoded = read(wav(SPEECH, size=size))
    np.testing.assert_array_equal(decoded.pcm.samples, SPEECH)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [2, 3])
def test_a_header_that_comes_again_is_not_taken_for_sound(
    read: Read, size: int | None, count: int
) -> None:
    decoded = read(wav(SPEECH, size=size) * count)
    np.testing.assert_array_equal(decoded.pcm.samples, np.tile(SPEECH, count))


def test_a_header_for_the_first_piece_alone_does_not_cut_the_rest_off(read: Read) -> None:
    data = wav(SPEECH[:4000]) + SPEECH[4000:].astype("<i2").tobytes()
    np.testing.assert_array_equal(read(data).pcm.samples, SPEECH)


@pytest.mark.parametrize("after", [b"LIST\x04\0\0\0abcd", b"LIST\x03\0\0\0abc\0", b"\0", b"\0\0\0"])
def test_chunks_around_the_samples_are_not_sound(read: Read, after: bytes) -> None:
    before = b"LIST\x05\0\0\0abcde\0" + b"fact\x04\0\0\0\0\0\0\0"
    decoded = read(wav(SPEECH, extra=before) + after)
    np.testing.assert_array_equal(decoded.pcm.samples, SPEECH)


def test_what_follows_at_another_rate_is_resampled(read: Read) -> None:
    other = speech_like(1, 16000)
    data = wav(SPEECH) + wav(other, 16000) + wav(SPEECH)
    decoded = read(data)
    assert decoded.pcm.sample_rate == RATE
    expected = np.concatenate([SPEECH, resample(other, 16000, RATE), SPEECH])
    np.testing.assert_array_equal(decoded.pcm.samples, expected)


@pytest.mark.parametrize(
    "damaged",
    [
        wav(SPEECH)[:30],
        wav(SPEECH)[:44],
        wav(SPEECH).replace(b"fmt ", b"abcd"),
        wav(SPEECH, 0),
    ],
    ids=["no samples chunk", "no samples", "no format", "no rate"],
)
def test_a_wav_that_cannot_be_understood_is_refused(read: Read, damaged: bytes) -> None:
    with pytest.raises(DecodeError):
        read(damaged)
