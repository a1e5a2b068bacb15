from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.signals import speech_like
from stentor.audio.decode import decode
from stentor.audio.encode import Encoder
from stentor.audio.form import AudioForm, DecodeError, Encoding
from stentor.audio.probe import AudioFacts, begins_as, probe
from stentor.contract import STREAM_FORMATS, ResponseFormat
from upstream.sound import encoded

RATES: dict[Encoding, int] = {"pcm": 24000, "ulaw": 8000, "alaw": 8000}
WITH_HEADER: tuple[Encoding, ...] = ("wav", "mp3", "opus", "aac", "flac")
# Their headers or pages tell how long they are.
TELL_THEIR_LENGTH: tuple[Encoding, ...] = ("wav", "mp3", "opus", "flac")

Facts = Callable[..., AudioFacts]


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    def facts(data: bytes, encoding: Encoding, rate: int = 24000, channels: int = 1) -> AudioFacts:
        path = tmp_path / "answer"
        path.write_bytes(data)
        return probe(path, AudioForm(encoding, rate, channels))

    return facts


@pytest.mark.parametrize("source_rate", [8000, 22050, 24000, 48000])
@pytest.mark.parametrize("response_format", STREAM_FORMATS)
def test_what_the_encoder_makes_may_go_out_as_it_is(
    tmp_path: Path, response_format: ResponseFormat, source_rate: int
) -> None:
    path = tmp_path / "audio"
    with Encoder(path, response_format, source_rate) as encoder:
        encoder.write(speech_like(2.345, source_rate))
        made = encoder.close()
    found = probe(path, AudioForm(response_format, RATES.get(response_format)))
    assert found.misfits(response_format) == ()
    assert found.sample_rate == made.sample_rate
    assert found.size_bytes == made.size_bytes
    excess = found.duration_seconds - made.duration_seconds
    assert abs(excess) < (0.06 if response_format == "aac" else 0.001)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("encoding", STREAM_FORMATS)
def test_the_facts_are_those_that_decoding_finds(
    tmp_path: Path, encoding: Encoding, channels: int, rate: int
) -> None:
    path = tmp_path / "answer"
    samples = np.stack([speech_like(1.7, rate)] * channels, axis=1)
    path.write_bytes(encoded(samples, rate, encoding))
    form = AudioForm(encoding, rate, channels)
    found, decoded = probe(path, form), decode(path, form)
    assert found.encoding == decoded.encoding == encoding
    assert found.sample_rate == decoded.pcm.sample_rate
    assert found.channels == decoded.channels == channels
    assert found.duration_seconds * found.sample_rate == pytest.approx(
        len(decoded.pcm.samples), abs=1
    )
    assert found.faults == ()
    stereo = "the audio has 2 channels"
    assert (stereo in found.misfits(encoding)) == (channels == 2)


@pytest.mark.parametrize("encoding", STREAM_FORMATS)
@pytest.mark.parametrize("wanted", STREAM_FORMATS)
def test_another_encoding_never_fits(
    facts: Facts, encoding: Encoding, wanted: ResponseFormat
) -> None:
    rate = RATES.get(encoding, 24000)
    found = facts(encoded(speech_like(1, rate), rate, encoding), encoding, rate)
    assert bool(found.misfits(wanted)) == (encoding != wanted)


@pytest.mark.parametrize("actual", WITH_HEADER)
@pytest.mark.parametrize("declared", STREAM_FORMATS)
def test_a_wrong_label_does_not_deceive(
    facts: Facts, declared: ResponseFormat, actual: Encoding
) -> None:
    found = facts(encoded(speech_like(1, 24000), 24000, actual), declared)
    assert found.encoding == actual
    assert bool(found.misfits(declared)) == (declared != actual)


@pytest.mark.parametrize(
    ("encoding", "rate"), [("pcm", 22050), ("pcm", 48000), ("ulaw", 16000), ("alaw", 24000)]
)
def test_headerless_audio_at_a_rate_that_is_not_the_formats_does_not_fit(
    facts: Facts, encoding: ResponseFormat, rate: int
) -> None:
    found = facts(encoded(speech_like(1, rate), rate, encoding), encoding, rate)
    assert found.duration_seconds == 1
    assert found.misfits(encoding) == (f"the audio has {rate} Hz, not {RATES[encoding]}",)


@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_s24le", "pcm_mulaw", "pcm_u8"])
def test_a_wav_of_other_samples_does_not_fit(facts: Facts, codec: str) -> None:
    found = facts(encoded(speech_like(1, 24000), 24000, "wav", codec), "wav")
    assert found.duration_seconds == 1
    assert found.misfits("wav") == ("the samples are not 16 bit PCM",)


@given(encoding=st.sampled_from(TELL_THEIR_LENGTH), part=st.floats(0, 1, exclude_max=True))
@settings(max_examples=150, deadline=None)
def test_a_file_that_breaks_off_is_told_apart(encoding: ResponseFormat, part: float) -> None:
    data = encoded(speech_like(1.5, 24000), 24000, encoding)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "answer"
        path.write_bytes(data[: int(len(data) * part)])
        try:
            found = probe(path, AudioForm(encoding))
        except DecodeError:
            return
    assert found.faults
    assert found.misfits(encoding)


@pytest.mark.parametrize("lost", [1, 7, 100])
def test_an_aac_file_that_ends_within_a_frame_is_told_apart(facts: Facts, lost: int) -> None:
    data = encoded(speech_like(1, 24000), 24000, "aac")
    [fault] = facts(data[:-lost], "aac").faults
    assert "frame" in fault


@pytest.mark.parametrize("encoding", TELL_THEIR_LENGTH)
def test_files_that_follow_each_other_are_told_apart(
    facts: Facts, encoding: ResponseFormat
) -> None:
    data = encoded(speech_like(1, 24000), 24000, encoding)
    assert facts(data, encoding).faults == ()
    assert facts(data * 2, encoding).faults


@pytest.mark.parametrize("encoding", ["mp3", "aac"])
def test_bytes_between_the_frames_are_told_apart(facts: Facts, encoding: ResponseFormat) -> None:
    data = encoded(speech_like(1, 24000), 24000, encoding)
    middle = len(data) // 2
    for damaged in (data[:middle] + data[middle + 50 :], data + b"junk" * 9):
        assert "the file has bytes that are not frames of audio" in facts(damaged, encoding).faults


@pytest.mark.parametrize("encoding", ["mp3", "aac"])
def test_a_change_of_the_rate_is_told_apart(facts: Facts, encoding: ResponseFormat) -> None:
    first, second = (encoded(speech_like(1, rate), rate, encoding) for rate in (24000, 16000))
    assert facts(first + second, encoding).misfits(encoding)


@given(st.integers(100, 10_000), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_any_flipped_bits_in_opus_are_told_apart(at: int, flip: int) -> None:
    data = bytearray(encoded(speech_like(1.5, 24000), 24000, "opus"))
    data[at % len(data)] ^= flip
    with TemporaryDirectory() as folder:
        path = Path(folder) / "answer"
        path.write_bytes(data)
        try:
            found = probe(path, AudioForm("opus"))
        except DecodeError:
            return
    assert found.misfits("opus")


def test_an_mp3_may_have_tags_at_both_ends(facts: Facts) -> None:
    data = encoded(speech_like(1, 24000), 24000, "mp3")
    tagged = b"ID3\x03\0\0\0\0\x01\0" + bytes(128) + data + b"TAG" + bytes(125)
    assert facts(tagged, "mp3").misfits("mp3") == ()
    assert facts(tagged, "mp3").duration_seconds == 1


def test_half_a_sample_is_told_apart(facts: Facts) -> None:
    assert facts(bytes(2001), "pcm").misfits("pcm") == ("the file ends in the middle of a sample",)


@pytest.mark.parametrize("encoding", STREAM_FORMATS)
@pytest.mark.parametrize("data", [b"", b'{"error": "quota exceeded"}'])
def test_what_is_no_audio_is_an_error(facts: Facts, encoding: Encoding, data: bytes) -> None:
    with pytest.raises(DecodeError):
        facts(data, encoding)


@pytest.mark.parametrize("encoding", WITH_HEADER)
def test_bytes_without_the_header_that_was_promised_are_an_error(
    facts: Facts, encoding: Encoding
) -> None:
    with pytest.raises(DecodeError, match=encoding):
        facts(np.random.default_rng(3).bytes(20_000), encoding)


def test_headerless_bytes_need_a_rate(tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(bytes(100))
    with pytest.raises(ValueError, match="sample rate"):
        probe(tmp_path / "answer", AudioForm("pcm"))


def test_ffmpeg_is_loaded_only_for_aac_and_flac(tmp_path: Path) -> None:
    for encoding in ("wav", "mp3", "opus"):
        (tmp_path / encoding).write_bytes(encoded(speech_like(1, 24000), 24000, encoding))
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from stentor.audio.form import AudioForm\n"
        "from stentor.audio.probe import probe\n"
        "for encoding in ('wav', 'mp3', 'opus'):\n"
        "    probe(Path(sys.argv[1]) / encoding, AudioForm(encoding))\n"
        "print('av' in sys.modules or 'numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("encoding", ["mp3", "opus", "aac", "flac", "wav"])
def test_the_beginning_tells_whether_a_growing_file_fits(
    tmp_path: Path, encoding: Encoding
) -> None:
    mono = speech_like(2, 24_000)
    file = tmp_path / "audio"
    file.write_bytes(encoded(mono, 24_000, encoding))
    assert not begins_as(file, encoding, 7)
    assert begins_as(file, encoding, 2000)
    assert not begins_as(file, "pcm", 2000)
    assert not begins_as(file, "mp3" if encoding == "wav" else "wav", 2000)
    file.write_bytes(encoded(np.stack([mono, mono], axis=1), 24_000, encoding))
    assert not begins_as(file, encoding, 4000)


def test_a_file_that_ends_within_its_tag_is_no_audio(tmp_path: Path) -> None:
    file = tmp_path / "audio"
    file.write_bytes(b"ID3\x03\0\0\0\x01\0\0" + bytes(60))
    with pytest.raises(DecodeError):
        probe(file, AudioForm("mp3"))
    assert not begins_as(file, "mp3", 70)
