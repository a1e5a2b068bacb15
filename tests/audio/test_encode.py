from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.signals import decode, speech_like
from stentor.audio.encode import Encoded, Encoder
from stentor.audio.pcm import Samples
from stentor.audio.resample import resample
from stentor.audio.settings import EncoderSettings
from stentor.contract import STREAM_FORMATS, ResponseFormat

SOURCE_RATES = (16000, 22050, 24000, 44100, 48000)
EXACT_FORMATS: tuple[ResponseFormat, ...] = ("flac", "wav", "pcm")
AAC_PRIMING = 1024

every_format = pytest.mark.parametrize("response_format", STREAM_FORMATS)
every_rate = pytest.mark.parametrize("source_rate", SOURCE_RATES)

Encode = Callable[..., tuple[Path, Encoded]]


@pytest.fixture
def encode(tmp_path: Path) -> Encode:
    def encode(
        response_format: ResponseFormat,
        samples: Samples,
        source_rate: int,
        settings: EncoderSettings | None = None,
    ) -> tuple[Path, Encoded]:
        path = tmp_path / f"audio.{response_format}"
        with Encoder(path, response_format, source_rate, settings) as encoder:
            for start in range(0, len(samples), source_rate):
                encoder.write(samples[start : start + source_rate])
            return path, encoder.close()

    return encode


def lag_and_correlation(
    x: NDArray[np.generic], y: NDArray[np.generic], most: int
) -> tuple[int, float]:
    """By how many samples y is late against x, up to `most`, and how alike they are then."""
    size = len(x) + len(y)
    cross = np.fft.irfft(np.fft.rfft(y, size) * np.fft.rfft(x, size).conj(), size)
    lags = np.r_[0 : most + 1, -most:0]
    lag = int(lags[cross[lags].argmax()])
    return lag, float(cross[lag] / np.linalg.norm(x) / np.linalg.norm(y))


@every_format
@every_rate
def test_what_is_decoded_is_what_went_in(
    encode: Encode, response_format: ResponseFormat, source_rate: int
) -> None:
    samples = speech_like(2.345, source_rate)
    path, encoded = encode(response_format, samples, source_rate)
    decoded, rate = decode(path)

    assert encoded.samples_in == len(samples)
    assert encoded.duration_seconds == len(samples) / source_rate
    assert encoded.sample_rate == rate
    assert encoded.size_bytes == path.stat().st_size

    excess = len(decoded) / rate - encoded.duration_seconds
    assert abs(excess) < (0.06 if response_format == "aac" else 0.001)
    expected = resample(samples, source_rate, rate).astype(float)
    lag, correlation = lag_and_correlation(expected, decoded, rate // 20)
    assert abs(lag - (AAC_PRIMING if response_format == "aac" else 0)) <= 1
    assert correlation > (0.9999 if response_format in EXACT_FORMATS else 0.97)
    assert np.abs(decoded[: rate // 100]).max() < 0.01 * np.abs(decoded).max(), "a click"
    assert np.abs(decoded[-rate // 100 :]).max() < 0.01 * np.abs(decoded).max(), "a click"


@pytest.mark.parametrize("response_format", ["flac", "wav"])
@every_rate
def test_lossless_formats_keep_every_sample(
    encode: Encode, response_format: ResponseFormat, source_rate: int
) -> None:
    samples = speech_like(1.5, source_rate)
    decoded, rate = decode(encode(response_format, samples, source_rate)[0])
    assert rate == source_rate
    np.testing.assert_array_equal(decoded, samples)


@pytest.mark.parametrize(
    ("response_format", "source_rate", "file_rate"),
    [
        ("mp3", 8000, 8000),
        ("mp3", 20000, 22050),
        ("mp3", 22050, 22050),
        ("mp3", 96000, 48000),
        ("opus", 22050, 48000),
        ("aac", 24000, 44100),
        ("aac", 48000, 48000),
        ("flac", 20000, 20000),
        ("wav", 96000, 96000),
        ("pcm", 48000, 24000),
        ("ulaw", 24000, 8000),
        ("alaw", 8000, 8000),
    ],
)
def test_the_file_has_the_source_rate_or_the_next_that_its_format_allows(
    encode: Encode, response_format: ResponseFormat, source_rate: int, file_rate: int
) -> None:
    path, encoded = encode(response_format, speech_like(0.5, source_rate), source_rate)
    assert encoded.sample_rate == decode(path)[1] == file_rate


@every_rate
def test_an_mp3_says_how_long_it_is(encode: Encode, source_rate: int) -> None:
    path, encoded = encode("mp3", speech_like(3.21, source_rate), source_rate)
    assert b"Info" in path.read_bytes()[:512]
    with av.open(str(path)) as container:
        duration = (container.duration or 0) / av.time_base
    assert abs(duration - encoded.duration_seconds) < 1152 / source_rate


def test_a_wav_has_true_sizes(encode: Encode) -> None:
    samples = speech_like(1.23, 22050)
    data = encode("wav", samples, 22050)[0].read_bytes()
    assert data[:4] == b"RIFF" and data[8:12] == b"WAVE"
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    body = data.index(b"data") + 8
    assert int.from_bytes(data[body - 4 : body], "little") == len(data) - body
    assert data[body:] == samples.astype("<i2").tobytes()


def test_a_flac_knows_its_length_and_checksum(encode: Encode) -> None:
    samples = speech_like(1.23, 22050)
    data = encode("flac", samples, 22050)[0].read_bytes()
    stream_info = data[8:42]
    assert data[:4] == b"fLaC"
    assert int.from_bytes(stream_info[13:18], "big") & (1 << 36) - 1 == len(samples)
    assert stream_info[18:] == hashlib.md5(samples.astype("<i2").tobytes()).digest()


@every_rate
def test_an_opus_file_starts_with_its_head_and_ends_at_its_length(
    encode: Encode, source_rate: int
) -> None:
    path, encoded = encode("opus", speech_like(3.21, source_rate), source_rate)
    data = path.read_bytes()
    head = data[28:47]
    assert data[:4] == b"OggS" and head[:8] == b"OpusHead"
    assert head[9] == 1, "not mono"
    pre_skip = int.from_bytes(head[10:12], "little")
    last_page = data.rindex(b"OggS")
    granule = int.from_bytes(data[last_page + 6 : last_page + 14], "little")
    assert (granule - pre_skip) / 48000 == pytest.approx(encoded.duration_seconds, abs=0.001)


def test_an_aac_file_is_adts_frames_and_nothing_else(encode: Encode) -> None:
    path, encoded = encode("aac", speech_like(2, 24000), 24000)
    data = path.read_bytes()
    position = frames = 0
    while position < len(data):
        assert data[position] == 0xFF and data[position + 1] & 0xF6 == 0xF0
        position += int.from_bytes(data[position + 3 : position + 6], "big") >> 5 & 0x1FFF
        frames += 1
    assert position == len(data)
    excess = frames * 1024 / encoded.sample_rate - encoded.duration_seconds
    assert 0 <= excess < 0.06


def test_an_opus_file_is_short_pages_of_one_stream(encode: Encode) -> None:
    path, encoded = encode("opus", speech_like(5, 22050), 22050)
    data = path.read_bytes()
    pages = [data[match.start() :][:27] for match in re.finditer(b"OggS\0", data)]
    granules = [int.from_bytes(page[6:14], "little") for page in pages]
    assert [page[5] for page in pages] == [2, 0, *[0] * (len(pages) - 3), 4], "not begin ... end"
    assert {page[14:18] for page in pages} == {bytes(4)}, "more than one serial number"
    assert [int.from_bytes(page[18:22], "little") for page in pages] == list(range(len(pages)))
    steps = np.diff(granules[1:])
    assert steps.min() > 0 and steps.max() <= 0.3 * 48000
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec.name == "opus"
        duration = (container.duration or 0) / av.time_base
    # FFmpeg counts the 6.5 ms that decoders skip.
    assert 0 <= duration - encoded.duration_seconds < 0.007


@every_rate
def test_raw_pcm_is_24_khz_without_a_header(encode: Encode, source_rate: int) -> None:
    samples = speech_like(1.5, source_rate)
    path, _ = encode("pcm", samples, source_rate)
    assert path.stat().st_size == 2 * 36000
    if source_rate == 24000:
        assert path.read_bytes() == samples.astype("<i2").tobytes()


@pytest.mark.parametrize("response_format", ["ulaw", "alaw"])
@every_rate
def test_g711_is_8_khz_without_a_header(
    encode: Encode, response_format: ResponseFormat, source_rate: int
) -> None:
    samples = speech_like(1.5, source_rate)
    path, encoded = encode(response_format, samples, source_rate)
    assert path.stat().st_size == 12000
    assert encoded.sample_rate == 8000
    expected = resample(samples, source_rate, 8000).astype(float)
    error = np.abs(decode(path)[0] - expected)
    # G.711 has 16 steps an octave, and the finest are 16 wide here.
    assert (error <= np.maximum(16, np.abs(expected) / 16)).all()


@pytest.mark.parametrize("response_format", ["ulaw", "alaw"])
def test_what_8_khz_cannot_hold_does_not_fold_into_g711(
    encode: Encode, response_format: ResponseFormat
) -> None:
    above = (9000 * np.sin(2 * np.pi * 6000 * np.arange(24000) / 24000)).astype(np.int16)
    decoded, _ = decode(encode(response_format, above, 24000)[0])
    assert np.abs(decoded[100:-100]).max() <= 16


@given(
    response_format=st.sampled_from(STREAM_FORMATS),
    source_rate=st.sampled_from(SOURCE_RATES),
    cuts=st.lists(st.integers(0, 20000), max_size=12),
)
@settings(max_examples=40, deadline=None)
def test_the_file_does_not_depend_on_how_the_audio_was_cut(
    response_format: ResponseFormat, source_rate: int, cuts: list[int]
) -> None:
    samples = speech_like(1, source_rate)
    with TemporaryDirectory() as directory:
        whole, pieces = (Path(directory) / f"{name}.{response_format}" for name in "ab")
        with Encoder(whole, response_format, source_rate) as encoder:
            encoder.write(samples)
        with Encoder(pieces, response_format, source_rate) as encoder:
            for chunk in np.split(samples, sorted(cuts)):
                encoder.write(chunk)
        assert pieces.read_bytes() == whole.read_bytes()


# As a job does that another process takes up again.
SHA256_OF_EVERY_FORMAT = """
import hashlib, sys, numpy
from pathlib import Path
from stentor.audio.encode import Encoder

samples = numpy.load(sys.argv[1] + "/samples.npy")
for response_format in sys.argv[2:]:
    path = Path(sys.argv[1]) / "audio"
    with Encoder(path, response_format, 22050) as encoder:
        for segment in numpy.array_split(samples, 5):
            encoder.write(segment)
    print(hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_another_process_makes_the_same_bytes_of_the_same_samples(
    encode: Encode, tmp_path: Path
) -> None:
    samples = speech_like(3, 22050)
    np.save(tmp_path / "samples.npy", samples)
    child = [sys.executable, "-c", SHA256_OF_EVERY_FORMAT, str(tmp_path), *STREAM_FORMATS]
    theirs = subprocess.run(child, check=True, capture_output=True, text=True, timeout=60)
    for response_format, digest in zip(STREAM_FORMATS, theirs.stdout.split(), strict=True):
        path, _ = encode(response_format, samples, 22050)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, response_format


@every_format
@every_rate
def test_the_growing_file_can_be_played_and_lags_little_behind(
    tmp_path: Path, response_format: ResponseFormat, source_rate: int
) -> None:
    path, copy = (tmp_path / f"{name}.{response_format}" for name in ("growing", "copy"))
    samples = speech_like(4, source_rate)
    with Encoder(path, response_format, source_rate) as encoder:
        for second in (1, 2, 3):
            encoder.write(samples[(second - 1) * source_rate : second * source_rate])
            copy.write_bytes(path.read_bytes())
            decoded, rate = decode(copy)
            late = second - len(decoded) / rate
            assert late < (0.65 if response_format == "opus" else 0.2)
        expected = resample(samples, source_rate, rate)[: len(decoded)].astype(float)
        assert lag_and_correlation(expected, decoded, rate // 20)[1] > 0.97


@every_format
def test_closing_changes_nothing_but_the_headers_of_flac_mp3_and_wav(
    tmp_path: Path, response_format: ResponseFormat
) -> None:
    path = tmp_path / "audio"
    with Encoder(path, response_format, 22050) as encoder:
        header = path.read_bytes()
        encoder.write(speech_like(2, 22050))
        growing = path.read_bytes()
        encoder.close()
    final = path.read_bytes()
    assert len(final) >= len(growing) > len(header)
    changed = [at for at, (a, b) in enumerate(zip(growing, final, strict=False)) if a != b]
    assert bool(changed) is (response_format in ("flac", "mp3", "wav"))
    assert all(at < len(header) for at in changed)


def test_the_header_of_a_growing_wav_leaves_its_length_open(tmp_path: Path) -> None:
    with Encoder(tmp_path / "audio", "wav", 22050) as encoder:
        encoder.write(speech_like(1, 22050))
        data = (tmp_path / "audio").read_bytes()
    body = data.index(b"data") + 8
    assert data[4:8] == data[body - 4 : body] == b"\xff" * 4


@pytest.mark.parametrize(("response_format", "kbps"), [("mp3", 64), ("opus", 32), ("aac", 64)])
def test_the_bit_rate_is_the_one_asked_for(
    encode: Encode, response_format: ResponseFormat, kbps: int
) -> None:
    samples = speech_like(10, 22050)
    chosen = EncoderSettings(mp3_kbps=32, opus_kbps=24, aac_kbps=96)
    others = {"mp3": 32, "opus": 24, "aac": 96}
    _, default = encode(response_format, samples, 22050)
    assert default.size_bytes * 8 / 10_000 == pytest.approx(kbps, rel=0.12)
    _, other = encode(response_format, samples, 22050, chosen)
    assert other.size_bytes * 8 / 10_000 == pytest.approx(others[response_format], rel=0.12)


@every_format
@pytest.mark.parametrize("source_rate", [22050, 24000])
def test_a_file_without_samples_can_still_be_opened(
    encode: Encode, response_format: ResponseFormat, source_rate: int
) -> None:
    path, encoded = encode(response_format, np.zeros(0, np.int16), source_rate)
    decoded, _ = decode(path)
    assert len(decoded) <= 2 * AAC_PRIMING
    assert not decoded.any()
    assert (encoded.samples_in, encoded.duration_seconds) == (0, 0.0)
    if response_format in EXACT_FORMATS:
        assert len(decoded) == 0


# AAC is left out: FFmpeg does not always recognise ADTS by its first two frames.
@pytest.mark.parametrize("response_format", ["mp3", "opus", "flac", "wav", "pcm"])
def test_a_file_of_one_sample_can_be_opened(
    encode: Encode, response_format: ResponseFormat
) -> None:
    path, _ = encode(response_format, np.array([5], np.int16), 22050)
    assert 1 <= len(decode(path)[0]) <= 50


@every_format
def test_samples_need_be_neither_contiguous_nor_writable(
    encode: Encode, response_format: ResponseFormat
) -> None:
    doubled = np.repeat(speech_like(1, 22050), 2)
    doubled.flags.writeable = False
    strided = decode(encode(response_format, doubled[::2], 22050)[0])[0]
    np.testing.assert_array_equal(
        strided, decode(encode(response_format, doubled[::2].copy(), 22050)[0])[0]
    )


@pytest.mark.parametrize("response_format", ["mp3", "pcm"])
def test_what_is_not_a_row_of_int16_is_refused(
    tmp_path: Path, response_format: ResponseFormat
) -> None:
    with Encoder(tmp_path / "audio", response_format, 22050) as encoder:
        with pytest.raises(TypeError, match="int16, not float32"):
            encoder.write(np.zeros(100, np.float32))
        with pytest.raises(TypeError, match="int16, not list"):
            encoder.write([0, 0])
        with pytest.raises(ValueError, match=r"shape \(n,\), not \(2, 50\)"):
            encoder.write(np.zeros((2, 50), np.int16))
        encoder.write(np.zeros(100, np.int16))
        assert encoder.close().samples_in == 100


@every_format
def test_after_the_end_nothing_can_be_written(
    tmp_path: Path, response_format: ResponseFormat
) -> None:
    closed = Encoder(tmp_path / "closed", response_format, 22050)
    closed.close()
    aborted = Encoder(tmp_path / "aborted", response_format, 22050)
    aborted.abort()
    for encoder in (closed, aborted):
        with pytest.raises(RuntimeError, match="closed"):
            encoder.write(np.zeros(100, np.int16))
        with pytest.raises(RuntimeError, match="closed"):
            encoder.close()
        encoder.abort()


@every_format
def test_an_abort_lets_go_of_the_file(tmp_path: Path, response_format: ResponseFormat) -> None:
    path = tmp_path / "audio"
    encoder = Encoder(path, response_format, 22050)
    encoder.write(speech_like(1, 22050))
    assert str(path) in _open_files()
    encoder.abort()
    assert str(path) not in _open_files()
    encoder.abort()


def test_an_exception_aborts_and_a_plain_end_closes(tmp_path: Path) -> None:
    path = tmp_path / "audio.flac"
    with pytest.raises(ZeroDivisionError), Encoder(path, "flac", 22050) as encoder:
        encoder.write(speech_like(1, 22050))
        raise ZeroDivisionError
    with pytest.raises(RuntimeError):
        encoder.close()
    assert str(path) not in _open_files()
    with Encoder(path, "flac", 22050) as encoder:
        encoder.write(speech_like(1, 22050))
    assert len(decode(path)[0]) == 22050


@every_format
def test_a_full_disk_is_an_os_error_and_leaves_nothing_open(
    response_format: ResponseFormat,
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    before = psutil.Process().num_fds()
    encoder = Encoder(full, response_format, 22050)
    noise = np.random.default_rng(0).integers(-9000, 9000, 22050).astype(np.int16)
    with pytest.raises(OSError, match="space"):
        for _ in range(20):
            encoder.write(noise)
        encoder.close()
    encoder.abort()
    assert psutil.Process().num_fds() == before


def test_a_missing_folder_is_a_file_that_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Encoder(tmp_path / "missing" / "audio", "mp3", 22050)


@every_format
def test_nothing_is_printed(
    encode: Encode, capfd: pytest.CaptureFixture[str], response_format: ResponseFormat
) -> None:
    # FFmpeg has something to say about an AAC bit rate that the sample rate cannot use.
    extreme = EncoderSettings(mp3_kbps=320, opus_kbps=256, aac_kbps=320)
    encode(response_format, speech_like(1, 22050), 22050, extreme)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("response_format", "source_rate"),
    [("mp3", 8000), ("flac", 24000), ("wav", 24000), ("pcm", 22050), ("ulaw", 22050)],
)
def test_memory_does_not_grow_with_the_audio(
    tmp_path: Path, response_format: ResponseFormat, source_rate: int
) -> None:
    second = speech_like(1, source_rate)
    process = psutil.Process()
    with Encoder(tmp_path / "audio", response_format, source_rate) as encoder:
        for _ in range(60):
            encoder.write(second)
        before = process.memory_info().rss
        for _ in range(540):
            encoder.write(second)
        # The PCM takes 8 MB and more, and its encoded form 4 MB and more.
        assert process.memory_info().rss - before < 3_000_000
        assert encoder.close().duration_seconds == 600


def _open_files() -> list[str]:
    folder = Path(f"/proc/{os.getpid()}/fd")
    if folder.exists():
        return [str(link.readlink()) for link in folder.iterdir() if link.is_symlink()]
    return [file.path for file in psutil.Process().open_files()]


@pytest.mark.parametrize("source_rate", [22050, 24000])
@pytest.mark.parametrize(
    ("response_format", "rate"), [("pcm", 16000), ("wav", 44100), ("mp3", 44100), ("opus", 48000)]
)
def test_a_rate_that_is_asked_for_is_the_files(
    encode: Encode, response_format: ResponseFormat, rate: int, source_rate: int
) -> None:
    samples = speech_like(2, source_rate)
    path, encoded = encode(response_format, samples, source_rate, EncoderSettings(sample_rate=rate))
    assert (encoded.sample_rate, encoded.duration_seconds) == (rate, 2.0)
    if response_format == "pcm":
        assert path.stat().st_size == 2 * 2 * rate
    else:
        decoded, decoded_rate = decode(path)
        assert decoded_rate == rate
        assert len(decoded) == pytest.approx(2 * rate, abs=0.06 * rate)
