"""Reading a file of any length without holding it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Bytes = bytes | mmap.mmap

# The interpreter's lock is held while one is searched.
_WINDOW = 1 << 20


@contextmanager
def mapped(path: Path, size: int | None = None) -> Iterator[Bytes]:
    """The bytes of a file, or its first `size` ones, for the length of the block.

    The file may grow meanwhile, but must not shrink.

    Raises:
        OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        length = length if size is None else min(size, length)
        if length == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ) as data:
            yield data


def occurrences(data: Bytes, needle: bytes, start: int = 0) -> Iterator[int]:
    """Where `needle` begins, from `start` on, in order."""
    for window in range(start, len(data), _WINDOW):
        stop = min(window + _WINDOW + len(needle) - 1, len(data))
        at = data.find(needle, window, stop)
        while at >= 0:
            yield at
            at = data.find(needle, at + 1, stop)


class Region:
    """A part of some bytes as a file that can be read, as PyAV wants it."""

    def __init__(self, data: Bytes, start: int, stop: int) -> None:
        self._data = data
        self._start = start
        self._length = stop - start
        self._at = 0

    def read(self, size: int) -> bytes:
        at = self._start + self._at
        piece = self._data[at : min(at + size, self._start + self._length)]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = min(max(0, origin + offset), self._length)
        return self._at

    def tell(self) -> int:
        return self._at
