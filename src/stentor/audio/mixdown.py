"""From spoken segments to a file: joining and encoding, in one place that a thread can own."""

from __future__ import annotations

from pathlib import Path

from stentor.audio.encode import Encoded, Encoder
from stentor.audio.join import Joiner
from stentor.audio.pcm import Pcm
from stentor.audio.settings import EncoderSettings
from stentor.contract import ResponseFormat


class Mixdown:
    """One file in the making. Not thread-safe, but free to move between threads.

    Args:
        path: the file, overwritten.
        sample_rate: of the audio to come, in Hz; segments at another rate are resampled.
    """

    def __init__(
        self,
        path: Path,
        response_format: ResponseFormat,
        sample_rate: int,
        settings: EncoderSettings,
    ) -> None:
        self._sample_rate = sample_rate
        self._joiner = Joiner(sample_rate)
        self._encoder = Encoder(path, response_format, sample_rate, settings)
        self._samples = 0

    def add(self, samples: bytes, sample_rate: int, pause_after_ms: int) -> float:
        """Append a segment and the pause after it; returns the seconds so far.

        Args:
            samples: mono PCM, signed 16 bit, native byte order.
        """
        joined = self._joiner.add(Pcm.from_bytes(samples, sample_rate), pause_after_ms)
        self._encoder.write(joined.samples)
        self._samples += len(joined.samples)
        return self._samples / self._sample_rate

    def close(self) -> Encoded:
        """Finish the file."""
        return self._encoder.close()

    def abort(self) -> None:
        """Give up; the file is left partial and closed."""
        self._encoder.abort()
