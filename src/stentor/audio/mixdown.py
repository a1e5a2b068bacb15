"""From spoken segments to a file: joining and encoding, in one place that a thread can own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stentor.audio.encode import Encoded, Encoder
from stentor.audio.join import Joiner
from stentor.audio.pcm import Pcm
from stentor.audio.settings import EncoderSettings
from stentor.contract import ResponseFormat


class Mixdown:
    """One file in the making. Not thread-safe, but free to move between threads.

    Args:
        path: the file, overwritten. Long segments at another rate lie in its folder meanwhile, in
            files without a name.
        sample_rate: of the audio to come, in Hz; segments at another rate are resampled.

    Attributes:
        origin_ms: where sample 0 of the newest segment lies in the file, before it was trimmed.
    """

    def __init__(
        self,
        path: Path,
        response_format: ResponseFormat,
        sample_rate: int,
        settings: EncoderSettings,
    ) -> None:
        self._sample_rate = sample_rate
        self._joiner = Joiner(sample_rate, folder=path.parent)
        self._encoder = Encoder(path, response_format, sample_rate, settings)
        self._samples = 0
        self.origin_ms = 0.0

    def add(self, samples: bytes, sample_rate: int, pause_after_ms: int) -> float:
        """Append a segment and the pause after it; returns the seconds so far.

        Args:
            samples: mono PCM, signed 16 bit, native byte order.
        """
        return self.add_pcm(Pcm.from_bytes(samples, sample_rate), pause_after_ms)

    def add_pcm(self, pcm: Pcm, pause_after_ms: int) -> float:
        """Append a segment of any length and the pause after it; returns the seconds so far."""
        return max(self.steps(pcm, pause_after_ms))

    def steps(self, pcm: Pcm, pause_after_ms: int) -> Iterator[float]:
        """Append as `add_pcm` does, in steps of some seconds of audio; yields the seconds so far.

        There is at least one step. A caller that does not go to the end must abort.
        """
        joined = self._joiner.add(pcm, pause_after_ms)
        self.origin_ms = 1000 * joined.origin / self._sample_rate
        for block in joined.blocks():
            self._encoder.write(block)
            self._samples += len(block)
            yield self._samples / self._sample_rate

    def close(self) -> Encoded:
        """Finish the file."""
        return self._encoder.close()

    def abort(self) -> None:
        """Give up; the file is left partial and closed."""
        self._encoder.abort()
