from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.signals import speech_like
from stentor.audio.form import Encoding
from stentor.audio.sniff import SNIFF_BYTES, looks_like_text, sniff
from upstream.sound import encoded

WITH_HEADER: tuple[Encoding, ...] = ("wav", "mp3", "opus", "aac", "flac")
HEADERLESS: tuple[Encoding, ...] = ("pcm", "ulaw", "alaw")
ID3 = b"ID3\x04\0\0\0\0\x01\x00" + bytes(128)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("encoding", [*WITH_HEADER, *HEADERLESS])
def test_the_first_bytes_tell_the_encoding(encoding: Encoding, channels: int, rate: int) -> None:
    samples = np.stack([speech_like(2, rate)] * channels, axis=1)
    head = encoded(samples, rate, encoding)[:SNIFF_BYTES]
    assert sniff(head) == (encoding if encoding in WITH_HEADER else None)


@pytest.mark.parametrize("encoding", ["mp3", "aac", "flac"])
def test_what_follows_a_tag_decides(encoding: Encoding) -> None:
    data = encoded(speech_like(1, 24000), 24000, encoding)
    assert sniff(ID3 + data[:SNIFF_BYTES]) == encoding
    assert sniff(ID3 + ID3 + data[:SNIFF_BYTES]) == encoding


def test_behind_a_long_tag_mp3_is_likely() -> None:
    assert sniff(b"ID3\x03\0\0\0\x01\0\0" + bytes(100)) == "mp3"


@pytest.mark.parametrize(("encoding", "enough"), [("wav", 12), ("opus", 40), ("flac", 4)])
def test_a_few_bytes_are_enough_where_there_is_a_header(encoding: Encoding, enough: int) -> None:
    assert sniff(encoded(speech_like(1, 24000), 24000, encoding)[:enough]) == encoding


@given(st.binary(max_size=64))
def test_any_bytes_can_be_looked_at(data: bytes) -> None:
    sniff(data)
    looks_like_text(data)


@given(
    st.sampled_from(HEADERLESS),
    st.integers(0, 8000),
    st.floats(0.0005, 1),
    st.sampled_from([8000, 24000]),
)
@settings(max_examples=150, deadline=None)
def test_headerless_speech_is_not_taken_for_anything_else(
    encoding: Encoding, start: int, level: float, rate: int
) -> None:
    samples = (speech_like(3, rate)[start:] * level).astype(np.int16)
    data = encoded(samples, rate, encoding)[:SNIFF_BYTES]
    assert sniff(data) is None
    assert not looks_like_text(data)


@pytest.mark.parametrize("encoding", HEADERLESS)
def test_noise_of_any_level_is_not_taken_for_anything_else(encoding: Encoding) -> None:
    random = np.random.default_rng(0)
    for level in (1, 2, 8, 30, 300, 3000, 30000):
        noise = random.integers(-level, level + 1, 200_000).astype(np.int16)
        data = encoded(noise, 8000, encoding)
        heads = [data[at : at + SNIFF_BYTES] for at in range(0, len(data) - SNIFF_BYTES, 331)]
        assert not [head for head in heads if sniff(head)]


@pytest.mark.parametrize(
    "text",
    [
        b'{"error": {"message": "quota"}}',
        b"\n  <html><body>502 Bad Gateway</body></html>",
        '{"error": "Größe überschritten"}'.encode(),
        b'[{"detail": "no such voice"}]',
    ],
)
def test_a_document_is_seen_to_be_one(text: bytes) -> None:
    assert looks_like_text(text)


def test_text_cut_within_a_character_is_still_text() -> None:
    assert looks_like_text(b"{" + "ä".encode() * 40)


def test_it_costs_no_import_of_ffmpeg_or_numpy() -> None:
    script = (
        "import sys, stentor.audio.sniff\n"
        "print([name for name in ('av', 'numpy', 'soxr') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
