"""Where the samples are in a WAV, also in one whose sizes are wrong. Costs nothing to import.

Sources: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0"; EBU
Tech 3306 (RF64).
"""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple

from stentor.audio.form import DecodeError
from stentor.audio.mapped import Bytes, occurrences

SampleType = Literal["u8", "s16", "s24", "s32", "f32", "f64", "ulaw", "alaw"]

_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_TYPES: dict[tuple[int, int], SampleType] = {
    (_PCM, 8): "u8",
    (_PCM, 16): "s16",
    (_PCM, 24): "s24",
    (_PCM, 32): "s32",
    (_FLOAT, 32): "f32",
    (_FLOAT, 64): "f64",
    (_ALAW, 8): "alaw",
    (_ULAW, 8): "ulaw",
}
_WIDTHS: dict[SampleType, int] = {
    "u8": 1, "s16": 2, "s24": 3, "s32": 4, "f32": 4, "f64": 8, "ulaw": 1, "alaw": 1,
}  # fmt: skip


class WavFormat(NamedTuple):
    """What the samples are.

    Attributes:
        type: None for a codec that is none of the plain ones.
    """

    type: SampleType | None
    sample_rate: int
    channels: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample in all channels; 1 where the type is unknown."""
        return self.channels * _WIDTHS[self.type] if self.type else 1


class WavRun(NamedTuple):
    """Samples without a gap: the bytes [start, stop), of which an incomplete last frame is none."""

    format: WavFormat
    start: int
    stop: int

    @property
    def frames(self) -> int:
        return (self.stop - self.start) // self.format.frame_bytes


class Wav(NamedTuple):
    """A whole file.

    Attributes:
        runs: at least one; more than one where several files follow each other.
        exact: whether its sizes are true and it is one file.
    """

    runs: tuple[WavRun, ...]
    exact: bool


def read_wav(data: Bytes) -> Wav:
    """Find the samples.

    A data chunk of size 0 or beyond the end reaches to the end, or to the next file that begins
    in it. What follows a data chunk and is neither a chunk nor a file is taken for more samples.

    Raises:
        DecodeError: there is no data chunk, or no format before it.
    """
    runs: list[WavRun] = []
    exact = int.from_bytes(data[4:8], "little") + 8 in (len(data), len(data) - 1)
    form: WavFormat | None = None
    long_size: int | None = None
    at = 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = at + 8
        if name in (b"RIFF", b"RF64") and data[body : body + 4] == b"WAVE":
            exact = at == 0 and (exact or name == b"RF64")
            form = long_size = None
            at = body + 4
        elif name == b"data":
            if form is None:
                raise DecodeError("the WAV has a data chunk without a format before it")
            declared = long_size if long_size is not None and size == 0xFFFFFFFF else size
            stop, closed = _end_of_samples(data, body, declared)
            exact = exact and closed and (stop - body) % form.frame_bytes == 0
            runs.append(WavRun(form, body, stop))
            at = stop if _begins_a_chunk(data, stop) else stop + declared % 2
        else:
            if name == b"fmt ":
                form = _read_format(data[body : body + size]) or form
            elif name == b"ds64":
                long_size = int.from_bytes(data[body + 8 : body + 16], "little")
            at = body + size + size % 2
    if not runs:
        raise DecodeError("the WAV ends before its samples begin")
    return Wav(tuple(runs), exact and len(runs) == 1)


def _end_of_samples(data: Bytes, body: int, declared: int) -> tuple[int, bool]:
    """Where the samples end that begin at `body`, and whether that is as declared."""
    stop = body + declared
    if declared > 0 and stop <= len(data):
        rest = len(data) - stop
        if rest < 8 or _begins_a_chunk(data, stop) or _begins_a_chunk(data, stop + declared % 2):
            return stop, True
    elif stop == len(data) or (declared == 0 and _begins_a_chunk(data, body)):
        return stop, True
    for at in occurrences(data, b"RIFF", body):
        if data[at + 8 : at + 12] == b"WAVE" and _begins_a_chunk(data, at + 12):
            return at, False
    return len(data), False


def _begins_a_chunk(data: Bytes, at: int) -> bool:
    head = data[at : at + 8]
    if len(head) < 8 or not all(0x20 <= byte < 0x7F for byte in head[:4]):
        return False
    if head[:4] == b"RIFF":
        return data[at + 8 : at + 12] == b"WAVE"
    return head[:4] in (b"fmt ", b"data") or at + 8 + int.from_bytes(head[4:], "little") <= len(
        data
    )


def _read_format(body: bytes) -> WavFormat | None:
    if len(body) < 16:
        return None
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = int.from_bytes(body[24:26], "little")
    if channels == 0 or rate == 0:
        raise DecodeError(f"the WAV has a format of {channels} channels and {rate} Hz")
    return WavFormat(_TYPES.get((tag, bits)), rate, channels)
