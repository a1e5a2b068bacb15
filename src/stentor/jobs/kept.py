"""A vendor's audio at rest: the bytes as they came, and behind them what is known of them.

The file ends with a `_Note` in MessagePack, its length and its CRC-32 (four bytes each, little
endian) and eight bytes that say what it is; so the audio itself can be read in place.
"""

from __future__ import annotations

import shutil
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from stentor.audio.probe import AudioFacts
from stentor.contract import Attempt
from stentor.routing.caller import Called
from stentor.routing.takes import Take

_END = struct.Struct("<II8s")
_MAGIC = b"STNTAKE1"
_BLOCK = 1 << 20


class DamagedTake(Exception):
    """The file is not what was kept."""


@dataclass(frozen=True, slots=True)
class KeptTake:
    """A take, and the job that paid for it."""

    take: Take
    job: str


class _Note(msgspec.Struct, frozen=True, array_like=True):
    size: int
    crc32: int
    facts: AudioFacts
    called: Called
    generation: int
    attempts: tuple[Attempt, ...]
    job: str


def seal_take(kept: KeptTake, path: Path) -> int:
    """Write the take's audio and what is known of it; returns the file's size.

    Args:
        path: a new file, or the take's own.

    Raises:
        OSError: there is no room.
    """
    take = kept.take
    end = seal(kept)
    if path != take.path:
        shutil.copyfile(take.path, path)
    with path.open("r+b") as file:
        file.seek(take.size)
        file.write(end)
        return file.tell()


def seal(kept: KeptTake) -> bytes:
    """What is known of a take, as it follows the audio."""
    take = kept.take
    note = msgspec.msgpack.encode(
        _Note(
            take.size,
            take.crc32,
            take.facts,
            take.called,
            take.generation,
            take.attempts,
            kept.job,
        )
    )
    return note + _END.pack(len(note), zlib.crc32(note), _MAGIC)


def read_take(path: Path) -> KeptTake:
    """The take that a sealed file holds.

    Raises:
        DamagedTake: it is not whole.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        note = _read_note(file)
        file.seek(0)
        crc32, rest = 0, note.size
        while rest and (block := file.read(min(_BLOCK, rest))):
            crc32 = zlib.crc32(block, crc32)
            rest -= len(block)
    if rest or crc32 != note.crc32:
        raise DamagedTake
    take = Take(
        path, note.size, note.facts, note.called, note.crc32, note.generation, note.attempts
    )
    return KeptTake(take, note.job)


def _read_note(file: BinaryIO) -> _Note:
    size = file.seek(0, 2)
    if size < _END.size:
        raise DamagedTake
    file.seek(size - _END.size)
    length, crc32, magic = _END.unpack(file.read(_END.size))
    if magic != _MAGIC or length > size - _END.size:
        raise DamagedTake
    file.seek(size - _END.size - length)
    body = file.read(length)
    if zlib.crc32(body) != crc32:
        raise DamagedTake
    try:
        return msgspec.msgpack.decode(body, type=_Note)
    except msgspec.DecodeError as error:
        raise DamagedTake from error
