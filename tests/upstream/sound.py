"""Real audio for the answers of local vendors."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np

from stentor.audio.encode import Encoder
from stentor.audio.form import AudioForm

DEFAULT_RATE = 24_000
SECONDS_PER_CHARACTER = 0.06


class Tones:
    """Tones, with silence before and after them."""

    def clip(self, form: AudioForm, text: str) -> bytes:
        """A tone about as long as the text takes to say, in this form."""
        return _clip(form, max(1, round(len(text) * SECONDS_PER_CHARACTER)))


@functools.lru_cache(maxsize=256)
def _clip(form: AudioForm, seconds: int) -> bytes:
    rate = form.sample_rate or DEFAULT_RATE
    times = np.arange(seconds * rate) / rate
    tone = (
        np.sin(2 * np.pi * 220 * times) * 8000 * np.minimum(1, np.sin(np.pi * times / seconds) * 4)
    )
    if form.encoding == "pcm":
        return tone.astype("<i2").tobytes()
    if form.encoding in ("ulaw", "alaw"):
        raise NotImplementedError(form.encoding)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip"
        with Encoder(path, form.encoding, rate) as encoder:
            encoder.write(tone.astype(np.int16))
        return path.read_bytes()
