"""The frames of mp3 and of AAC in ADTS, and the tags around them. Costs nothing to import.

Sources: ISO 11172-3 and 13818-3 (mp3), ISO 13818-7 (ADTS), id3.org (ID3v2.4 structure), the
"Xing" frame as LAME writes it, and Fraunhofer's "VBRI".
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from stentor.audio.mapped import Bytes

_KBPS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44100, 48000, 32000)
_ADTS_RATES = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000,
)  # fmt: skip
_ADTS_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)
_LTP = 3
_TAG_OFFSETS = (13, 15, 21, 23, 36, 38)
# What decoders of mp3 are late by, in samples.
_DECODER_DELAY = 529
_GAPLESS_ENCODERS = (b"LAME", b"Lavf", b"Lavc")


class Frame(NamedTuple):
    """A frame by its header.

    Attributes:
        size: in bytes, header included.
        samples: in each channel.
        channels: 0 where the header leaves them open.
    """

    size: int
    samples: int
    sample_rate: int
    channels: int


class InfoTag(NamedTuple):
    """What the first frame of an mp3 says instead of audio.

    Attributes:
        frames: of audio in the file; None if it does not say.
        trimmed: samples that gapless decoders drop from those frames.
    """

    frames: int | None
    trimmed: int


def mp3_frame(data: Bytes, at: int) -> Frame | None:
    """The frame of MPEG layer III whose header is at `at`; None if that is none."""
    return _mp3_header(data[at : at + 4]) if at >= 0 else None


@lru_cache(maxsize=256)
def _mp3_header(head: bytes) -> Frame | None:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer != 1 or bit_rate in (0, 15) or rate == 3:
        return None
    sample_rate = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    samples = 1152 if version == 3 else 576
    kbps = (_KBPS_1 if version == 3 else _KBPS_2)[bit_rate]
    size = samples * kbps * 125 // sample_rate + (head[2] >> 1 & 1)
    return Frame(size, samples, sample_rate, 1 if head[3] >> 6 == 3 else 2)


def info_tag(data: Bytes, at: int) -> InfoTag | None:
    """What the frame at `at` says instead of audio; None if it is audio or no frame."""
    frame = mp3_frame(data, at)
    if frame is None:
        return None
    if data[at + 36 : at + 40] == b"VBRI":
        return InfoTag(_int(data, at + 50, 4), 0)
    if frame.samples == 1152:
        side = 17 if frame.channels == 1 else 32
    else:
        side = 9 if frame.channels == 1 else 17
    with_checksum = data[at + 1] & 1 == 0
    start = at + 4 + side + 2 * with_checksum
    if data[start : start + 4] not in (b"Xing", b"Info"):
        return None
    flags = _int(data, start + 4, 4)
    encoder = start + 8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if flags >> bit & 1)
    trimmed = 0
    if data[encoder : encoder + 4] in _GAPLESS_ENCODERS:
        both = _int(data, encoder + 21, 3)
        delay, padding = both >> 12, both & 0xFFF
        trimmed = delay + max(padding, _DECODER_DELAY)
    return InfoTag(_int(data, start + 8, 4) if flags & 1 else None, trimmed)


def info_frame(data: Bytes, tag: int) -> int | None:
    """Where the frame begins whose `Xing`, `Info` or `VBRI` is at `tag`; None if none does."""
    for offset in _TAG_OFFSETS:
        at = tag - offset
        if info_tag(data, at) is not None:
            return at
    return None


def adts_frame(data: Bytes, at: int) -> Frame | None:
    """The ADTS frame whose header is at `at`; None if that is none."""
    head = data[at : at + 7]
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    rate = head[2] >> 2 & 0xF
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    # Low levels in G.711 look like headers of the lowest rate and of the profile "LTP".
    if rate >= len(_ADTS_RATES) or head[2] >> 6 == _LTP or size <= 7:
        return None
    channels = _ADTS_CHANNELS[(head[2] & 1) << 2 | head[3] >> 6]
    return Frame(size, 1024 * ((head[6] & 3) + 1), _ADTS_RATES[rate], channels)


def id3v2_end(data: Bytes, at: int) -> int:
    """Where the ID3v2 tags at `at` end, though the bytes may end before; `at` if there are none."""
    while True:
        head = data[at : at + 10]
        if len(head) < 10 or head[:3] != b"ID3" or 0xFF in head[3:5] or max(head[6:]) > 0x7F:
            return at
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        at += 10 + size + (10 if head[5] & 0x10 else 0)


def _int(data: Bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")
