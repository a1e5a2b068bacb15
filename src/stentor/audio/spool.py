"""Samples that come piece by piece, as one array: in memory while they are few."""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path
from typing import IO, Self

import numpy as np

from stentor.audio.pcm import Samples

# 8 MB: nearly 3 minutes at 24 kHz.
MEMORY_SAMPLES = 1 << 22


class Spool:
    """Collects samples.

    Args:
        folder: where those lie that are too many for the memory, in a file without a name; None
            for memory alone.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._pieces: list[Samples] = []
        self._file: IO[bytes] | None = None
        self.length = 0

    def write(self, samples: Samples) -> None:
        """Append samples, which must not change any more.

        Raises:
            OSError: the file cannot be written.
        """
        if len(samples) == 0:
            return
        self.length += len(samples)
        if self._file is not None:
            self._file.write(_bytes(samples))
            return
        self._pieces.append(samples)
        if self._folder is not None and self.length > MEMORY_SAMPLES:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            for piece in self._pieces:
                self._file.write(_bytes(piece))
            self._pieces.clear()

    def finish(self) -> Samples:
        """All samples, in order. A file lasts as long as the array, which cannot be written to."""
        if self._file is None:
            pieces, self._pieces = self._pieces, []
            if len(pieces) == 1:
                return pieces[0]
            return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
        with self._file as file:
            file.flush()
            # The map keeps the file open, and the array the map.
            view = mmap.mmap(file.fileno(), 2 * self.length, access=mmap.ACCESS_READ)
        return np.frombuffer(view, np.int16)

    def close(self) -> None:
        """Let go of the samples that `finish` did not give."""
        self._pieces.clear()
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _bytes(samples: Samples) -> memoryview:
    return np.ascontiguousarray(samples).data.cast("B")
