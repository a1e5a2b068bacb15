"""From PCM to a file, bit by bit, through FFmpeg's codecs in PyAV."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer

from stentor.audio.frames import to_frame
from stentor.audio.pcm import Samples
from stentor.audio.resample import Resampler
from stentor.audio.settings import EncoderSettings
from stentor.contract import ResponseFormat


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How FFmpeg makes a format.

    Attributes:
        muxer, codec: FFmpeg's names.
        rates: the sample rates to choose from, ascending, in Hz; empty for any.
        decoded_rate: in Hz, where decoders answer with another rate than the encoder was given.
    """

    muxer: str
    codec: str
    rates: tuple[int, ...] = ()
    decoded_rate: int | None = None
    codec_options: dict[str, str] = field(default_factory=dict)
    muxer_options: dict[str, str] = field(default_factory=dict)


# The encoders share the processor with the synthesis. Each option below was compared with
# FFmpeg's default on 76 s of neural speech, by speed (times real time, one core), DNSMOS overall
# quality (of the PCM: 3.42) and bit rate.
RECIPES: dict[ResponseFormat, _Recipe] = {
    # 158x, 3.43, against 85x, 3.43.
    "mp3": _Recipe(
        "mp3",
        "libmp3lame",
        rates=(8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
        codec_options={"compression_level": "7"},
    ),
    # 275x, 3.37, 33 kbit/s, against 91x, 3.42, 32 kbit/s. Unconstrained, this complexity makes
    # 41 kbit/s out of 32. FFmpeg holds back two pages: of 300 ms rather than 1 s each, they let
    # the first audio out after 0.6 s rather than 2 s, for 1.6% more bytes. Ogg's serial number is
    # random unless the muxer is told to be bitexact.
    "opus": _Recipe(
        "ogg",
        "libopus",
        rates=(8000, 12000, 16000, 24000, 48000),
        decoded_rate=48000,
        codec_options={"compression_level": "5", "vbr": "constrained"},
        muxer_options={"page_duration": "300000", "fflags": "+bitexact"},
    ),
    # 267x, 3.41, SNR 30 dB, against 76x, 3.41, 24 dB. ADTS cannot tell decoders to drop the
    # 1024 samples before and the padding after the audio: a high rate keeps them under 47 ms.
    "aac": _Recipe("adts", "aac", rates=(44100, 48000), codec_options={"aac_coder": "fast"}),
    "flac": _Recipe("flac", "flac"),
    "wav": _Recipe("wav", "pcm_s16le", muxer_options={"rf64": "auto"}),
    "pcm": _Recipe("s16le", "pcm_s16le", rates=(24000,)),
    "ulaw": _Recipe("mulaw", "pcm_mulaw", rates=(8000,)),
    "alaw": _Recipe("alaw", "pcm_alaw", rates=(8000,)),
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A finished file.

    Attributes:
        samples_in: samples that were written, at the source's rate.
        duration_seconds: of those samples.
        sample_rate: of the file as decoders see it, in Hz.
        size_bytes: of the whole file.
    """

    samples_in: int
    duration_seconds: float
    sample_rate: int
    size_bytes: int


class Encoder:
    """One mono file in the making, in memory that does not grow with it.

    The file grows as samples are written, so that it can be played meanwhile: what was written
    is in it but for the last 0.2 s, or 0.65 s of `opus`. `close` changes no byte that is there,
    except for lengths and checksums in the headers of `flac`, `mp3` and `wav`. The same samples
    always make the same bytes, however they were cut.

    Not thread-safe, but free to move between threads. As a context manager it closes the file
    at the end, and aborts it after an exception.

    The file has the source's sample rate where its format allows that. Otherwise it has the next
    higher rate that the format allows, or the highest; `pcm` has 24 kHz, `ulaw` and `alaw` 8 kHz.
    The settings may fix another rate.

    Args:
        path: the file, overwritten.
        source_rate: of the samples to come, in Hz.
        settings: bit rates; the defaults if left out.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        response_format: ResponseFormat,
        source_rate: int,
        settings: EncoderSettings | None = None,
    ) -> None:
        settings = settings or EncoderSettings()
        recipe = RECIPES[response_format]
        kbps = {
            "mp3": settings.mp3_kbps,
            "opus": settings.opus_kbps,
            "aac": settings.aac_kbps,
        }.get(response_format)
        self._path = path
        self._source_rate = source_rate
        self._rate = settings.sample_rate or _choose_rate(source_rate, recipe.rates)
        self._decoded_rate = recipe.decoded_rate or self._rate
        self._needs_a_frame = kbps is not None
        self._resampler = None
        if self._rate != source_rate:
            self._resampler = Resampler(source_rate, self._rate)
        self._samples_in = 0
        self._samples_out = 0
        self._container: OutputContainer | None = av.open(
            str(path),
            "w",
            format=recipe.muxer,
            options={"flush_packets": "1"} | recipe.muxer_options,
        )
        stream = self._container.add_stream(
            recipe.codec,
            rate=self._rate,
            options=recipe.codec_options,
            layout="mono",
            bit_rate=1000 * (kbps or 0),
        )
        assert isinstance(stream, AudioStream)
        self._stream = stream
        self._container.start_encoding()

    def write(self, samples: Samples) -> None:
        """Append samples.

        Args:
            samples: shape (n,), at the source's rate.

        Raises:
            RuntimeError: the encoder was closed or aborted.
            TypeError: not an array of int16.
            ValueError: not one-dimensional.
            OSError: the file cannot be written.
        """
        container = self._opened()
        if not isinstance(samples, np.ndarray) or samples.dtype != np.int16:
            got = getattr(samples, "dtype", type(samples).__name__)
            raise TypeError(f"samples must be a numpy array of int16, not {got}")
        if samples.ndim != 1:
            raise ValueError(f"samples must be mono, of shape (n,), not {samples.shape}")
        self._samples_in += len(samples)
        self._encode(container, self._resampler.feed(samples) if self._resampler else samples)

    def close(self) -> Encoded:
        """Finish the file.

        Without samples, flac and wav end up as files of no length, and pcm, ulaw and alaw as empty
        ones. The other formats get a single sample of silence, since decoders refuse them without
        a frame.

        Raises:
            RuntimeError: the encoder was closed or aborted.
            OSError: the file cannot be written.
        """
        container = self._opened()
        try:
            if self._resampler:
                self._encode(container, self._resampler.finish())
            if self._needs_a_frame and self._samples_out == 0:
                self._encode(container, np.zeros(1, np.int16))
            container.mux(self._stream.encode(None))
            container.close()
        finally:
            self.abort()
        return Encoded(
            samples_in=self._samples_in,
            duration_seconds=self._samples_in / self._source_rate,
            sample_rate=self._decoded_rate,
            size_bytes=self._path.stat().st_size,
        )

    def abort(self) -> None:
        """Let go of the file, which may be partial. Does nothing the second time."""
        container, self._container = self._container, None
        if container is not None:
            with suppress(av.FFmpegError):
                container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None and self._container is not None:
            self.close()
        else:
            self.abort()

    def _opened(self) -> OutputContainer:
        if self._container is None:
            raise RuntimeError("the encoder is closed")
        return self._container

    def _encode(self, container: OutputContainer, samples: Samples) -> None:
        if len(samples) == 0:
            return
        # PyAV cuts the frame to the codec's size in C; doing that here costs as much as encoding.
        frame = to_frame(samples, self._rate, self._samples_out)
        self._samples_out += len(samples)
        container.mux(self._stream.encode(frame))


def _choose_rate(source_rate: int, rates: tuple[int, ...]) -> int:
    if not rates:
        return source_rate
    return next((rate for rate in rates if rate >= source_rate), rates[-1])
