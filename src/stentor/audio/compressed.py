"""Decoding compressed audio through FFmpeg's demuxers and decoders in PyAV."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from stentor.audio.mapped import Bytes, Region
from stentor.audio.pcm import Samples
from stentor.audio.plain import mix

BLOCK_FRAMES = 1 << 15

# What is tried on bytes that are not what they were said to be. Playlists are not among them:
# they name other files.
_CONTAINERS = "mp3,aac,flac,ogg,wav,w64,aiff,au,caf,matroska,webm,mov,mp4,m4a,loas,amr"


@dataclass(slots=True)
class Tally:
    """What decoding came upon.

    Attributes:
        container: FFmpeg's name; empty before anything was opened.
        channels: the most that a frame had.
        packets, bad_packets: that decoders got, and that they refused.
    """

    container: str = ""
    channels: int = 0
    packets: int = 0
    bad_packets: int = 0


def decode_part(
    data: Bytes, start: int, stop: int, container: str | None, tally: Tally
) -> Generator[tuple[Samples, int], None, None]:
    """Decode the bytes [start, stop), which are one file; yields mono blocks with their rates.

    Delay and padding are dropped where the file tells of them. What cannot be decoded is left out
    and counted; a file of which nothing can be decoded yields nothing.

    Args:
        container: FFmpeg's name; None to let it find out.
    """
    options = {} if container else {"format_whitelist": _CONTAINERS}
    try:
        # Tags come in any character set.
        with av.open(
            Region(data, start, stop),
            "r",
            format=container,
            options=options,
            metadata_errors="replace",
        ) as opened:
            stream = next(iter(opened.streams.audio), None)
            if stream is None:
                return
            tally.container = opened.format.name
            gathered = _Gathered()
            for packet in opened.demux(stream):
                tally.packets += packet.size > 0
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    tally.bad_packets += 1
                    continue
                for frame in frames:
                    yield from gathered.add(frame, tally)
            yield from gathered.rest()
    except av.FFmpegError:
        tally.bad_packets += 1


def flac_seconds(data: Bytes) -> Fraction:
    """How long the frames of a file are together.

    Only the last is decoded: whether it is whole shows in its checksum alone. One that is not
    counts as none, and a file of none has no length.
    """
    seconds, last = Fraction(0), None
    try:
        with av.open(
            Region(data, 0, len(data)), "r", format="flac", metadata_errors="replace"
        ) as opened:
            stream = opened.streams.audio[0]
            stream.codec_context.options = {"err_detect": "crccheck+explode"}
            for packet in opened.demux(stream):
                if packet.size:
                    if last is not None:
                        seconds += _seconds(last)
                    last = packet
            if last is not None and last.decode():
                seconds += _seconds(last)
    except av.FFmpegError:
        pass
    return seconds


def _seconds(packet: av.Packet[AudioStream]) -> Fraction:
    return Fraction(packet.duration or 0) * packet.time_base


class _Gathered:
    """Frames of some milliseconds, put together in C: each on its own costs as much as decoding."""

    def __init__(self) -> None:
        self._fifo = av.AudioFifo()
        self._form: tuple[str, int, int] | None = None

    def add(self, frame: AudioFrame, tally: Tally) -> Iterator[tuple[Samples, int]]:
        channels = frame.layout.nb_channels
        form = (frame.format.name, channels, frame.sample_rate)
        if form != self._form:
            yield from self.rest()
            self._fifo = av.AudioFifo()
            self._form = form
            tally.channels = max(tally.channels, channels)
        frame.pts = None
        self._fifo.write(frame)
        if self._fifo.samples >= BLOCK_FRAMES:
            yield from self.rest()

    def rest(self) -> Iterator[tuple[Samples, int]]:
        frame = self._fifo.read(0, partial=True)
        if frame is not None:
            yield mix(_channels_last(frame)), frame.sample_rate


def _channels_last(frame: AudioFrame) -> NDArray[np.generic]:
    samples = frame.to_ndarray()
    if frame.format.is_planar:
        return samples.T
    return samples.reshape(-1, frame.layout.nb_channels)
