"""Samples without a codec: from the bytes of PCM and G.711 to mono."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stentor.audio.mapped import Bytes
from stentor.audio.pcm import FULL_SCALE, Samples, to_int16
from stentor.audio.riff import SampleType, WavFormat

_BLOCK_BYTES = 1 << 17


def mono_blocks(data: Bytes, form: WavFormat, start: int, stop: int) -> Iterator[Samples]:
    """The samples in the bytes [start, stop), block by block.

    An incomplete frame at the end is left out. Channels are averaged.
    """
    assert form.type is not None
    width = form.frame_bytes
    stop -= (stop - start) % width
    step = max(1, _BLOCK_BYTES // width) * width
    for at in range(start, stop, step):
        block = data[at : min(at + step, stop)]
        yield mix(_read(block, form.type).reshape(-1, form.channels))


def mix(samples: NDArray[np.generic]) -> Samples:
    """Make mono of samples of any type, shape (n, channels), by averaging.

    Floats are in [-1, 1], and integers have the range of their type; what lies outside is
    clipped, and what is no number is silence.
    """
    if samples.dtype == np.int16 and samples.shape[1] == 1:
        mono: Samples = samples[:, 0].view(np.int16)
        return mono
    if samples.dtype == np.uint8:
        scale, offset = 256.0, 128.0
    elif np.issubdtype(samples.dtype, np.integer):
        scale, offset = FULL_SCALE / 2.0 ** (8 * samples.dtype.itemsize - 1), 0.0
    else:
        scale, offset = float(FULL_SCALE), 0.0
    channels = samples.shape[1]
    x = samples[:, 0].astype(np.float32)
    # Several times as fast as NumPy's mean of short rows.
    for channel in range(1, channels):
        x += samples[:, channel].astype(np.float32)
    x *= np.float32(scale / channels)
    x -= np.float32(offset * scale)
    return to_int16(np.nan_to_num(x, copy=False))


def _read(block: bytes, kind: SampleType) -> NDArray[np.generic]:
    match kind:
        case "s16":
            return np.frombuffer(block, "<i2").astype(np.int16, copy=False)
        case "s24":
            wide = np.zeros((len(block) // 3, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(block, np.uint8).reshape(-1, 3)
            return wide.view("<i4")[:, 0]
        case "s32":
            return np.frombuffer(block, "<i4")
        case "u8":
            return np.frombuffer(block, np.uint8)
        case "f32":
            return np.frombuffer(block, "<f4")
        case "f64":
            return np.frombuffer(block, "<f8")
        case "ulaw":
            return _look_up(_ULAW, block)
        case "alaw":
            return _look_up(_ALAW, block)


def _look_up(table: Samples, block: bytes) -> Samples:
    samples: Samples = table[np.frombuffer(block, np.uint8)]
    return samples


def _ulaw_table() -> Samples:
    """ITU-T G.711, table 2b, in 16 bit."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4 & 7).astype(int), (code & 15).astype(int)
    size = ((mantissa << 3) + 132 << exponent) - 132
    return _signed(code & 0x80 != 0, size)


def _alaw_table() -> Samples:
    """ITU-T G.711, table 1b, in 16 bit."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4 & 7).astype(int), (code & 15).astype(int)
    size = np.where(
        exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 264) << np.maximum(exponent - 1, 0)
    )
    return _signed(code & 0x80 == 0, size)


def _signed(negative: NDArray[np.bool_], size: NDArray[np.int_]) -> Samples:
    table: Samples = np.where(negative, -size, size).astype(np.int16)
    return table


_ULAW = _ulaw_table()
_ALAW = _alaw_table()
