"""Real audio for the answers of local vendors."""

from __future__ import annotations

import functools
import io
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from stentor.audio.form import AudioForm, Encoding

DEFAULT_RATE = 24_000
SECONDS_PER_CHARACTER = 0.06

_LAYOUTS = {1: "mono", 2: "stereo"}
# FFmpeg's muxer and codec.
_MADE_BY: dict[Encoding, tuple[str, str]] = {
    "pcm": ("s16le", "pcm_s16le"),
    "wav": ("wav", "pcm_s16le"),
    "mp3": ("mp3", "libmp3lame"),
    "opus": ("ogg", "libopus"),
    "aac": ("adts", "aac"),
    "flac": ("flac", "flac"),
    "ulaw": ("mulaw", "pcm_mulaw"),
    "alaw": ("alaw", "pcm_alaw"),
}
_RATES: dict[Encoding, tuple[int, ...]] = {
    "mp3": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "opus": (8000, 12000, 16000, 24000, 48000),
    "aac": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
}


class Tones:
    """Tones, with silence before and after them."""

    def clip(self, form: AudioForm, text: str) -> bytes:
        """A tone about as long as the text takes to say, in this form.

        It has the next higher rate where the encoding does not have the one that the form says.
        """
        return _clip(form, max(1, round(len(text) * SECONDS_PER_CHARACTER)))


@functools.lru_cache(maxsize=256)
def _clip(form: AudioForm, seconds: int) -> bytes:
    asked = form.sample_rate or DEFAULT_RATE
    rates = _RATES.get(form.encoding, (asked,))
    rate = next((rate for rate in rates if rate >= asked), rates[-1])
    times = np.arange(seconds * rate) / rate
    tone = (
        np.sin(2 * np.pi * 220 * times) * 8000 * np.minimum(1, np.sin(np.pi * times / seconds) * 4)
    )
    # The channels differ, so that a mistake with them shows.
    channels = [tone * 0.7**number for number in range(form.channels)]
    return encoded(np.stack(channels, axis=1).astype(np.int16), rate, form.encoding)


def encoded(
    samples: NDArray[np.int16], rate: int, encoding: Encoding, codec: str | None = None
) -> bytes:
    """A file as vendors make it, by FFmpeg alone.

    Args:
        samples: shape (n,) or (n, channels), of one or two channels.
        rate: one that the encoding has.
        codec: FFmpeg's name of another codec in the same container.
    """
    muxer, usual = _MADE_BY[encoding]
    layout = "mono" if samples.ndim == 1 else _LAYOUTS[samples.shape[1]]
    file = io.BytesIO()
    with av.open(file, "w", format=muxer, options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec or usual, rate=rate, layout=layout)
        if len(samples):
            interleaved = np.ascontiguousarray(samples).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(interleaved, format="s16", layout=layout)
            frame.sample_rate = rate
            frame.time_base = Fraction(1, rate)
            frame.pts = 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
