from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.signals import speech_like
from stentor.audio import spool
from stentor.audio.decode import Decoded, decode
from stentor.audio.form import AudioForm, DecodeError, Encoding
from stentor.audio.mpeg import id3v2_end, mp3_frame
from stentor.audio.resample import resample
from upstream.sound import encoded

EVERY: tuple[Encoding, ...] = ("pcm", "wav", "mp3", "opus", "aac", "flac", "ulaw", "alaw")
WITH_HEADER: tuple[Encoding, ...] = ("wav", "mp3", "opus", "aac", "flac")
# Files of these keep their length when they follow each other.
JOINABLE: tuple[Encoding, ...] = ("wav", "mp3", "opus", "flac")
CONSTANT: tuple[Encoding, ...] = ("pcm", "wav", "mp3", "ulaw", "alaw")
ID3V2 = b"ID3\x03\0\0\0\0\x02\x00TPE1" + b"\xff\xfe\xe9\x80" * 63
ID3V1 = b"TAG" + bytes(125)
RATE = 24000
SPEECH = speech_like(1.5, RATE)

Read = Callable[..., Decoded]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(data: bytes, encoding: Encoding, **options: object) -> Decoded:
        path = tmp_path / "answer"
        path.write_bytes(data)
        return read_file(path, encoding, **options)

    return read


def read_file(path: Path, encoding: Encoding, **options: object) -> Decoded:
    channels, rate = options.pop("channels", 1), options.pop("rate", None)
    return decode(path, AudioForm(encoding, rate, channels), **options)  # type: ignore[arg-type]


def form_of(encoding: Encoding, rate: int) -> dict[str, int]:
    return {"rate": rate} if encoding in ("pcm", "ulaw", "alaw") else {}


def likeness(x: NDArray[np.generic], y: NDArray[np.generic]) -> float:
    """Correlation at the best lag within 3,000 samples, with what is missing taken for zeros."""
    size = len(x) + len(y)
    cross = np.fft.irfft(
        np.fft.rfft(x.astype(float), size).conj() * np.fft.rfft(y.astype(float), size)
    )
    best = max(cross[:3000].max(), cross[-3000:].max())
    return float(best / np.linalg.norm(x.astype(float)) / np.linalg.norm(y.astype(float)))


@pytest.mark.parametrize("rate", [8000, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("encoding", EVERY)
def test_what_is_decoded_is_what_the_vendor_encoded(
    read: Read, encoding: Encoding, channels: int, rate: int
) -> None:
    if encoding == "opus" and rate in (22050, 44100):
        rate = 48000
    left = speech_like(1.5, rate)
    both = np.stack([left, left // 4], axis=1)[:, :channels]
    options = form_of(encoding, rate) | ({"channels": channels} if channels > 1 else {})
    decoded = read(encoded(both, rate, encoding), encoding, **options)

    assert decoded.encoding == encoding
    assert decoded.channels == channels
    assert decoded.warnings == ()
    assert decoded.pcm.samples.dtype == np.int16
    assert decoded.pcm.sample_rate == (48000 if encoding == "opus" else rate)
    expected = resample(both.mean(axis=1).astype(np.int16), rate, decoded.pcm.sample_rate)
    excess = len(decoded.pcm.samples) - len(expected)
    assert 0 <= excess <= (2048 if encoding == "aac" else 0)
    assert likeness(expected, decoded.pcm.samples) > 0.97
    level = np.linalg.norm(decoded.pcm.samples.astype(float)) / np.linalg.norm(
        expected.astype(float)
    )
    assert level == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(("encoding", "codec"), [("ulaw", "pcm_mulaw"), ("alaw", "pcm_alaw")])
def test_every_code_of_g711_means_what_ffmpeg_says(
    read: Read, encoding: Encoding, codec: str
) -> None:
    codes = bytes(range(256))
    context = av.CodecContext.create(codec, "r")
    context.sample_rate, context.layout = 8000, "mono"  # type: ignore[attr-defined]
    [frame] = context.decode(av.Packet(codes))
    decoded = read(codes, encoding, rate=8000)
    np.testing.assert_array_equal(decoded.pcm.samples, frame.to_ndarray()[0])


@pytest.mark.parametrize(("channels", "rest"), [(1, 1), (2, 1), (2, 2), (2, 3)])
def test_half_a_sample_at_the_end_is_left_out(read: Read, channels: int, rest: int) -> None:
    stereo = np.repeat(SPEECH, channels)
    data = stereo.astype("<i2").tobytes() + bytes(rest)
    decoded = read(data, "pcm", rate=RATE, channels=channels)
    np.testing.assert_array_equal(decoded.pcm.samples, SPEECH)


def test_the_only_samples_need_a_rate(read: Read) -> None:
    with pytest.raises(ValueError, match="sample rate"):
        read(bytes(100), "pcm")


@given(
    encoding=st.sampled_from(JOINABLE),
    lengths=st.lists(st.integers(2000, 30000), min_size=1, max_size=4),
    before=st.sampled_from([b"", ID3V2]),
    after=st.sampled_from([b"", ID3V1]),
)
@settings(max_examples=60, deadline=None)
def test_files_that_follow_each_other_sound_as_they_do_alone(
    encoding: Encoding, lengths: list[int], before: bytes, after: bytes
) -> None:
    if encoding != "mp3":
        before = after = b""
    files = [before + encoded(SPEECH[:length], RATE, encoding) + after for length in lengths]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "answer"
        alone = []
        for data in files:
            path.write_bytes(data)
            alone.append(read_file(path, encoding).pcm.samples)
        path.write_bytes(b"".join(files))
        joined = read_file(path, encoding)
    np.testing.assert_array_equal(joined.pcm.samples, np.concatenate(alone))
    assert joined.warnings == ()


def test_concatenated_aac_loses_and_gains_nothing(read: Read) -> None:
    data = encoded(SPEECH, RATE, "aac")
    once = len(read(data, "aac").pcm.samples)
    for between in (b"", ID3V2):
        joined = read(data + between + data, "aac")
        assert len(joined.pcm.samples) == 2 * once
        assert joined.warnings == ()


def without_info(data: bytes) -> bytes:
    """An mp3 from its first frame of audio on."""
    start = id3v2_end(data, 0)
    frame = mp3_frame(data, start)
    assert frame is not None and b"Info" in data[start : start + frame.size]
    return data[start + frame.size :]


@pytest.mark.parametrize("between", [b"", ID3V1, ID3V2, ID3V1 + ID3V2])
def test_concatenated_mp3_without_a_header_is_decoded_throughout(
    read: Read, between: bytes
) -> None:
    bare = without_info(encoded(SPEECH, RATE, "mp3"))
    once = len(read(bare, "mp3").pcm.samples)
    joined = read(bare + between + bare, "mp3").pcm.samples
    assert 2 * once - 1152 <= len(joined) <= 2 * once
    for half in (joined[:once], joined[-once:]):
        assert likeness(SPEECH, half) > 0.97


@given(encoding=st.sampled_from(EVERY), part=st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_a_file_that_breaks_off_sounds_up_to_there(encoding: Encoding, part: float) -> None:
    data = encoded(SPEECH, RATE, encoding)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "answer"
        path.write_bytes(data)
        options = form_of(encoding, RATE)
        whole = read_file(path, encoding, **options).pcm.samples
        size = round(len(data) * part)
        try:
            prefix = read_file(path, encoding, size=size, **options).pcm.samples
        except DecodeError:
            # A page of opus, and a frame of flac, are whole or nothing.
            assert size < (2000 if encoding in CONSTANT else 12_000)
            return
        path.write_bytes(data[:size])
        alone = read_file(path, encoding, **options).pcm.samples
    np.testing.assert_array_equal(prefix, alone)
    heard = max(0, len(prefix) - 2400)
    np.testing.assert_array_equal(prefix[:heard], whole[:heard])
    if encoding in CONSTANT:
        assert len(whole) * part - len(prefix) < 0.2 * RATE


@pytest.mark.parametrize("actual", WITH_HEADER)
@pytest.mark.parametrize("declared", EVERY)
def test_bytes_that_contradict_what_was_declared_are_believed(
    read: Read, declared: Encoding, actual: Encoding
) -> None:
    data = encoded(SPEECH, RATE, actual)
    decoded = read(data, declared, rate=8000, channels=2)
    np.testing.assert_array_equal(decoded.pcm.samples, read(data, actual).pcm.samples)
    assert decoded.encoding == actual
    assert decoded.channels == 1
    if declared == actual:
        assert decoded.warnings == ()
    else:
        assert decoded.warnings == (f"the audio was declared as {declared} but is {actual}",)


@pytest.mark.parametrize(
    ("container", "codec"), [("mp4", "aac"), ("webm", "libopus"), ("ogg", "flac")]
)
def test_other_containers_are_decoded_with_a_warning(
    read: Read, container: str, codec: str
) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            speech_like(1, 48000)[np.newaxis], format="s16", layout="mono"
        )
        frame.sample_rate, frame.time_base, frame.pts = 48000, Fraction(1, 48000), 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    decoded = read(file.getvalue(), "mp3")
    assert decoded.encoding is None
    assert len(decoded.warnings) == 1 and "declared as mp3 but is " in decoded.warnings[0]
    assert likeness(speech_like(1, 48000), decoded.pcm.samples) > 0.97


@pytest.mark.parametrize("encoding", ["mp3", "aac"])
def test_junk_before_the_first_frame_is_skipped(read: Read, encoding: Encoding) -> None:
    data = encoded(SPEECH, RATE, encoding)
    decoded = read(b"junk" * 50 + data, encoding)
    assert decoded.encoding == encoding
    assert likeness(SPEECH, decoded.pcm.samples) > 0.97


@pytest.mark.parametrize("encoding", EVERY)
@pytest.mark.parametrize(
    "data", [b"", b'{"error": "quota exceeded"}', b"<html>502</html>"], ids=["none", "json", "html"]
)
def test_no_bytes_and_documents_are_no_audio(read: Read, encoding: Encoding, data: bytes) -> None:
    with pytest.raises(DecodeError):
        read(data, encoding, rate=RATE)


@pytest.mark.parametrize("encoding", WITH_HEADER)
@pytest.mark.parametrize("seed", range(4))
def test_noise_and_zeros_are_no_audio(read: Read, encoding: Encoding, seed: int) -> None:
    data = np.random.default_rng(seed).bytes(200_000) if seed else bytes(200_000)
    with pytest.raises(DecodeError):
        read(data, encoding)


@pytest.mark.parametrize("encoding", WITH_HEADER)
def test_a_header_without_audio_is_no_audio(read: Read, encoding: Encoding) -> None:
    data = encoded(np.zeros(0, np.int16), RATE, encoding)
    with pytest.raises(DecodeError):
        read(data[:60], encoding)


def test_a_playlist_is_not_followed(read: Read, tmp_path: Path) -> None:
    (tmp_path / "secret.mp3").write_bytes(encoded(SPEECH, RATE, "mp3"))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{tmp_path}/secret.mp3\n"
    listing = f"ffconcat version 1.0\nfile {tmp_path}/secret.mp3\n"
    for text in (playlist + "#EXT-X-ENDLIST\n", listing):
        with pytest.raises(DecodeError):
            read(text.encode(), "mp3")


def test_damage_in_the_middle_costs_what_it_hit_and_a_warning(read: Read) -> None:
    data = bytearray(encoded(SPEECH, RATE, "aac"))
    whole = read(bytes(data), "aac")
    middle = len(data) // 2
    data[middle : middle + 1000] = bytes(1000)
    decoded = read(bytes(data), "aac")
    assert 1024 <= len(whole.pcm.samples) - len(decoded.pcm.samples) <= 12 * 1024
    assert "could not be decoded" in decoded.warnings[0]


@pytest.mark.parametrize("encoding", EVERY)
def test_no_more_is_decoded_than_asked_for(read: Read, encoding: Encoding) -> None:
    data, options = encoded(SPEECH, RATE, encoding), form_of(encoding, RATE)
    whole = read(data, encoding, **options).pcm
    start = read(data, encoding, seconds=0.5, **options).pcm
    assert start.duration_seconds == 0.5
    np.testing.assert_array_equal(start.samples, whole.samples[: len(start.samples)])
    assert read(data, encoding, seconds=99, **options).pcm.duration_seconds < 1.7


@pytest.mark.parametrize("encoding", ["pcm", "mp3"])
def test_long_audio_lies_in_a_file_without_a_name(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: Encoding
) -> None:
    data, options = encoded(SPEECH, RATE, encoding), form_of(encoding, RATE)
    short = read(data, encoding, **options).pcm.samples
    monkeypatch.setattr(spool, "MEMORY_SAMPLES", 10_000)
    before = psutil.Process().num_fds()
    folder = tmp_path / "spool"
    folder.mkdir()
    long = read(data, encoding, folder=folder, **options).pcm.samples
    assert list(folder.iterdir()) == []
    assert psutil.Process().num_fds() == before + 1
    np.testing.assert_array_equal(long, short)
    with pytest.raises(ValueError, match="read-only"):
        long[0] = 1
    del long
    assert psutil.Process().num_fds() == before


def test_a_missing_folder_is_an_os_error(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MEMORY_SAMPLES", 10_000)
    with pytest.raises(OSError):
        read(encoded(SPEECH, RATE, "mp3"), "mp3", folder=tmp_path / "missing")


def test_nothing_is_printed_and_nothing_stays_open(
    read: Read, capfd: pytest.CaptureFixture[str]
) -> None:
    before = psutil.Process().num_fds()
    for encoding in WITH_HEADER:
        data = encoded(SPEECH, RATE, encoding)
        read(ID3V2 + data[:-99] if encoding == "mp3" else data[:-99], encoding)
        with pytest.raises(DecodeError):
            read(np.random.default_rng(7).bytes(50_000), encoding)
    assert capfd.readouterr() == ("", "")
    assert psutil.Process().num_fds() == before
