"""Opus in Ogg, page by page. Costs nothing to import.

Sources: RFC 3533 (Ogg), RFC 7845 (Opus in Ogg), RFC 6716, section 3.1 (an Opus packet's length).
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from stentor.audio.form import DecodeError
from stentor.audio.mapped import Bytes

OPUS_RATE = 48_000

_FIRST, _LAST, _CONTINUED = 2, 4, 1
_LONGEST_PACKET = 5760
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_SILK = (480, 960, 1920, 2880)
_HYBRID = (480, 960)
_CELT = (120, 240, 480, 960)


class OpusFile(NamedTuple):
    """What the pages of one file add up to.

    Attributes:
        samples: at 48 kHz, without what decoders skip.
        faults: what is wrong with the pages.
    """

    channels: int
    samples: int
    faults: tuple[str, ...]


class _Page(NamedTuple):
    flags: int
    granule: int
    serial: bytes
    number: int
    lacing: bytes
    body: int
    end: int


def read_opus(data: Bytes) -> OpusFile:
    """Add up the pages of a file, checksums included.

    Raises:
        DecodeError: there is no header of Opus.
    """
    page = _page(data, 0)
    head = data[page.body : page.body + 19] if page else b""
    if page is None or len(head) < 19 or head[:8] != b"OpusHead":
        raise DecodeError("the Ogg file does not begin with a header of Opus")
    channels, skipped = head[9], int.from_bytes(head[10:12], "little")
    faults: dict[str, None] = {}
    packets = _Packets()
    serial, granule, number = page.serial, 0, 0
    last = page
    while page is not None:
        last = page
        faults.update(dict.fromkeys(_page_faults(data, page, serial, number)))
        if page.granule != (1 << 64) - 1 and page.serial == serial:
            granule = page.granule
        packets.add(data, page)
        number += 1
        at = page.end
        page = _page(data, at) if at < len(data) else None
    if last.end != len(data):
        faults["the file ends in the middle of a page, or in bytes that are no page"] = None
    elif not last.flags & _LAST:
        faults["the last page is missing"] = None
    if not packets.samples - _LONGEST_PACKET <= granule <= packets.samples:
        faults["the length that the pages tell is not that of the packets"] = None
        granule = packets.samples
    return OpusFile(channels, max(0, granule - skipped), tuple(faults))


def _page(data: Bytes, at: int) -> _Page | None:
    """The page at `at`, though it may not be whole; None if there is none."""
    head = data[at : at + 27]
    if len(head) < 27 or head[:5] != b"OggS\0":
        return None
    lacing = data[at + 27 : at + 27 + head[26]]
    body = at + 27 + head[26]
    return _Page(
        head[5],
        int.from_bytes(head[6:14], "little"),
        head[14:18],
        int.from_bytes(head[18:22], "little"),
        lacing,
        body,
        body + sum(lacing),
    )


def _page_faults(data: Bytes, page: _Page, serial: bytes, number: int) -> list[str]:
    faults: list[str] = []
    if page.end > len(data):
        return faults
    start = page.body - 27 - len(page.lacing)
    whole = data[start : page.end]
    if _checksum(whole[:22] + bytes(4) + whole[26:]) != whole[22:26]:
        faults.append("a page is damaged")
    if page.serial != serial or (page.flags & _FIRST and number):
        faults.append("several files follow each other")
    elif page.number != number:
        faults.append("a page is missing")
    return faults


def _checksum(page: bytes) -> bytes:
    """Ogg's CRC-32: zlib's polynomial with the bits the other way round, without its inversions."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return mirrored.to_bytes(4, "big").translate(_MIRRORED)


class _Packets:
    """Adds up how long the packets are; the first two are headers."""

    def __init__(self) -> None:
        self.samples = 0
        self._begun = 0
        self._head = b""

    def add(self, data: Bytes, page: _Page) -> None:
        at = page.body
        in_packet = bool(page.flags & _CONTINUED)
        for size in page.lacing:
            if not in_packet:
                self._begun += 1
                self._head = data[at : at + min(2, size)]
            at += size
            in_packet = size == 255
            if not in_packet and self._begun > 2 and at <= len(data):
                self.samples += _packet_samples(self._head)


def _packet_samples(head: bytes) -> int:
    if not head:
        return 0
    config, code = head[0] >> 3, head[0] & 3
    if config < 12:
        frame = _SILK[config & 3]
    elif config < 16:
        frame = _HYBRID[config & 1]
    else:
        frame = _CELT[config & 3]
    if code == 3:
        return frame * (head[1] & 0x3F) if len(head) > 1 else 0
    return frame * (1 if code == 0 else 2)
