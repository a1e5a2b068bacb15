"""Files of one encoding that follow each other in the same bytes, as vendors join them."""

from __future__ import annotations

from collections.abc import Iterator

from stentor.audio.form import Encoding
from stentor.audio.mapped import Bytes, occurrences
from stentor.audio.mpeg import id3v2_end, info_frame, mp3_frame


def part_starts(data: Bytes, encoding: Encoding) -> list[int]:
    """Where the files begin, ascending, the first at 0.

    Each has its own delay and padding for decoders to drop, which they would do only for the
    first. Files of mp3 without a tag, and of aac, follow each other without a trace, and count as
    one; so do those of the encodings that are not compressed.
    """
    if encoding == "mp3":
        first = id3v2_end(data, 0)
        starts = _mp3_starts(data)
    elif encoding == "opus":
        starts = {at - 28 for at in occurrences(data, b"OpusHead", 28) if _is_page(data, at - 28)}
        first = min(starts, default=0)
    elif encoding == "flac":
        starts = {at for at in occurrences(data, b"fLaC") if _has_stream_info(data, at)}
        first = min(starts, default=0)
    else:
        return [0]
    # What comes before the first, such as a tag, belongs to it.
    return [0, *sorted(start for start in starts if start > first)]


def _mp3_starts(data: Bytes) -> set[int]:
    tagged: dict[int, int] = {}
    for at in occurrences(data, b"ID3"):
        end = id3v2_end(data, at)
        if end > at and _are_two_frames(data, end):
            tagged.setdefault(end, at)
    informed = {at for at in _informed_frames(data) if at not in tagged}
    return informed.union(tagged.values())


def _informed_frames(data: Bytes) -> Iterator[int]:
    for tag in (b"Xing", b"Info", b"VBRI"):
        for at in occurrences(data, tag):
            start = info_frame(data, at)
            if start is not None and _are_two_frames(data, start):
                yield start


def _are_two_frames(data: Bytes, at: int) -> bool:
    frame = mp3_frame(data, at)
    if frame is None:
        return False
    following = mp3_frame(data, at + frame.size)
    return following is not None and following.sample_rate == frame.sample_rate


def _is_page(data: Bytes, at: int) -> bool:
    return data[at : at + 5] == b"OggS\0" and data[at + 5 : at + 6] in (b"\2", b"\6")


def _has_stream_info(data: Bytes, at: int) -> bool:
    return data[at + 4 : at + 8] in (b"\0\0\0\x22", b"\x80\0\0\x22")
