"""What a network computes on the way and does not tell: found in its file, and asked for.

Piper's and Kokoro's networks decide how long each phoneme lasts in a tensor inside of the graph,
which few exports list among the outputs. The graph is looked through here without loading the
weights, and the tensor becomes an output by appending a few bytes: two messages of Protocol
Buffers, one after the other, are the two merged. Field numbers are those of ONNX's `onnx.proto3`.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_MODEL_GRAPH = 7
_GRAPH_NODE = 1
_GRAPH_OUTPUT = 12
_NODE_INPUT = 1
_NODE_OUTPUT = 2
_NODE_OP_TYPE = 4
_VALUE_NAME = 1

_DURATION = b"duration"
_ROUNDING = re.compile(rb"Ceil|Round|Clip")

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_Data = bytes | mmap.mmap


class Durations(NamedTuple):
    """The tensor with each phoneme's duration, in frames; `told` if it is an output already."""

    tensor: str
    told: bool


def find_durations(path: Path) -> Durations | None:
    """Look for the durations of phonemes in a network's file.

    VITS, Piper's architecture, rounds durations up (`Ceil`); Kokoro rounds them and takes at
    least 1 (`Round`, then `Clip`), and its later exports have an output of that name.

    Returns:
        None where there is no such tensor, or more than one, or the file is no network.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _find(data)
    except (OSError, ValueError, IndexError):
        return None


def _find(data: _Data) -> Durations | None:
    told: set[bytes] = set()
    ceiled: list[bytes] = []
    rounded: set[bytes] = set()
    clipped: list[tuple[bytes, bytes]] = []
    for field, start, end in _fields(data, 0, len(data)):
        if field != _MODEL_GRAPH:
            continue
        for part, part_start, part_end in _fields(data, start, end):
            if part == _GRAPH_OUTPUT:
                told.update(_content(data, part_start, part_end, _VALUE_NAME))
            if part != _GRAPH_NODE:
                continue
            # Most nodes are told by a glance, which is five times as fast as reading them.
            if not _ROUNDING.search(data, part_start, part_end):
                continue
            [operator] = _content(data, part_start, part_end, _NODE_OP_TYPE) or [b""]
            outputs = _content(data, part_start, part_end, _NODE_OUTPUT)
            if operator == b"Ceil":
                ceiled += outputs
            elif operator == b"Round":
                rounded.update(outputs)
            elif operator == b"Clip":
                source = _content(data, part_start, part_end, _NODE_INPUT)[0]
                clipped.append((source, outputs[0]))
    if _DURATION in told:
        return Durations(_DURATION.decode(), told=True)
    found = ceiled or [output for source, output in clipped if source in rounded]
    if len(found) != 1:
        return None
    return Durations(found[0].decode(), found[0] in told)


def further_output(name: str) -> bytes:
    """What makes one of a network's tensors its last output, appended to its file."""
    return _message(_MODEL_GRAPH, _message(_GRAPH_OUTPUT, _message(_VALUE_NAME, name.encode())))


def _message(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | _BYTES]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _content(data: _Data, start: int, end: int, wanted: int) -> list[bytes]:
    """A message's fields of one number."""
    return [data[at:stop] for field, at, stop in _fields(data, start, end) if field == wanted]


def _fields(data: _Data, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each field's number, and where its content begins and ends."""
    while start < end:
        key, start = _read_varint(data, start)
        kind = key & 7
        if kind == _BYTES:
            size, start = _read_varint(data, start)
        elif kind == _VARINT:
            size = _read_varint(data, start)[1] - start
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind}, expected one of Protocol Buffers 3")
        if start + size > end:
            raise ValueError("a field ends behind its message")
        yield key >> 3, start, start + size
        start += size


def _read_varint(data: _Data, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
