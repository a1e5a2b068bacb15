"""One continuous stream of audio out of one sentence after the other. For threads."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from stentor.audio.encode import Encoder
from stentor.audio.pcm import Samples
from stentor.audio.settings import EncoderSettings
from stentor.contract import ResponseFormat

RATE = 24_000
SILENCE = 104
"""-50 dB relative to full scale."""

# What an encoder keeps to itself until it is given more.
_HELD_BACK_MS: dict[ResponseFormat, int] = {
    "mp3": 200,
    "opus": 700,
    "aac": 200,
    "flac": 200,
    "ulaw": 100,
    "alaw": 100,
}
_READ_BYTES = 1 << 20


class Sound:
    """An encoder over all sentences, with pauses between them.

    Silence that the sentences bring along counts towards the pauses. Not thread-safe, but free to
    move between threads.

    Args:
        path: a file to encode into, overwritten; removed at the end.
        samples: how much the session had sent before.

    Attributes:
        samples: how much went in since the session's beginning, at 24 kHz.
        origin: where the newest sentence begins, of those samples.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        response_format: ResponseFormat,
        settings: EncoderSettings,
        samples: int = 0,
    ) -> None:
        self.samples = samples
        self.origin = samples
        self._path = path
        self._held_back = _samples(_HELD_BACK_MS.get(response_format, 0))
        self._encoder: Encoder | None = None
        self._read = 0
        self._silent = 0
        self._pause: int | None = 0
        if response_format != "pcm":
            self._encoder = Encoder(path, response_format, RATE, settings)

    def begin(self, pause_ms: int) -> None:
        """A sentence comes next, after a pause."""
        self._pause = _samples(pause_ms)

    def write(self, data: bytes) -> bytes:
        """Append whole samples, signed 16 bit little endian; what can be sent now.

        Raises:
            OSError: the file cannot be written.
        """
        samples = np.frombuffer(data, "<i2").astype(np.int16, copy=False)
        lead, tail = _silent_edges(samples)
        gap = b""
        if self._pause is not None:
            gap = self._add(np.zeros(max(0, self._pause - self._silent - lead), np.int16))
            self.origin, self._pause = self.samples, None
        self._silent = self._silent + len(samples) if lead == len(samples) else tail
        return gap + self._add(samples)

    def settle(self) -> bytes:
        """Nothing may follow for a while: let all speech out, with silence if need be.

        Raises:
            OSError: the file cannot be written.
        """
        owed = max(0, self._held_back - self._silent)
        self._silent += owed
        return self._add(np.zeros(owed, np.int16))

    def close(self) -> bytes:
        """The stream's last bytes.

        Raises:
            OSError: the file cannot be written.
        """
        try:
            if self._encoder is None:
                return b""
            self._encoder.close()
            return self._grown()
        finally:
            self.abort()

    def abort(self) -> None:
        """Give up. Does nothing the second time."""
        if self._encoder is not None:
            self._encoder.abort()
            self._path.unlink(missing_ok=True)

    def _add(self, samples: Samples) -> bytes:
        if not len(samples):
            return b""
        self.samples += len(samples)
        if self._encoder is None:
            return samples.astype("<i2", copy=False).tobytes()
        self._encoder.write(samples)
        return self._grown()

    def _grown(self) -> bytes:
        pieces = []
        with self._path.open("rb", buffering=0) as file:
            while piece := os.pread(file.fileno(), _READ_BYTES, self._read):
                self._read += len(piece)
                pieces.append(piece)
        return b"".join(pieces)


def _samples(ms: int) -> int:
    return round(ms * RATE / 1000)


def _silent_edges(samples: Samples) -> tuple[int, int]:
    """Samples before the first loud one and after the last; all of them if all are silent."""
    loud = (samples > SILENCE) | (samples < -SILENCE)
    if not loud.any():
        return len(samples), len(samples)
    return int(loud.argmax()), int(loud[::-1].argmax())
