"""Audiobooks: AAC in MP4 with chapter marks, cover and tags, as players know them by `.m4b`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from stentor.audio.encode import Encoded
from stentor.audio.frames import to_frame
from stentor.audio.pcm import Samples
from stentor.audio.resample import Resampler

CoverType = Literal["image/jpeg", "image/png"]

_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_DEMUXERS = {"image/jpeg": "jpeg_pipe", "image/png": "png_pipe"}
# FFmpeg cuts longer titles in Nero's list of chapters, be it in the middle of a character.
_TITLE_BYTES = 255
# Value of the `stik` atom.
_AUDIOBOOK = "2"


@dataclass(frozen=True, slots=True)
class BookMetadata:
    """What players and libraries show of a book.

    Attributes:
        title: also the album's name.
        authors: the artists.
        language: BCP 47.
        narrator: where libraries of audiobooks look for one: the composer.
        cover: the bytes of an image file.
        cover_type: of those bytes.
    """

    title: str
    authors: tuple[str, ...] = ()
    language: str | None = None
    narrator: str | None = None
    cover: bytes | None = None
    cover_type: CoverType = "image/jpeg"


@dataclass(frozen=True, slots=True)
class Chapter:
    """Where a chapter begins, in milliseconds, and what it is called."""

    start_ms: int
    title: str


class AudiobookWriter:
    """One mono audiobook in the making.

    It can be played once it is closed; its index is then at the front, so that it plays while it
    is downloaded. The samples go straight to the file; of each hour, FFmpeg keeps some megabytes
    of index. The same calls always make the same bytes.

    The chapters are written twice: as Nero's list, which ends after 255, and as QuickTime's text
    track.

    Not thread-safe, but free to move between threads. As a context manager it aborts what was
    not closed.

    Args:
        path: the file, overwritten.
        sample_rate: of the samples to come, in Hz. The file has the same, or the next that AAC
            has between 8 and 48 kHz.
        kbps: mean bit rate; 8 to 320, of which AAC takes up to 6 bits per sample.

    Raises:
        OSError: the file cannot be opened.
        ValueError: the cover is no image of its type.
    """

    def __init__(self, path: Path, sample_rate: int, kbps: int, metadata: BookMetadata) -> None:
        self._path = path
        self._source_rate = sample_rate
        self._rate = next((rate for rate in _RATES if rate >= sample_rate), _RATES[-1])
        self._resampler = None
        if self._rate != sample_rate:
            self._resampler = Resampler(sample_rate, self._rate)
        self._samples_in = 0
        self._samples_out = 0
        size = _cover_size(metadata)
        # The muxer for .m4b does not take images; that for .mp4 writes the same atoms.
        container = av.open(
            str(path),
            "w",
            format="mp4",
            options={"movflags": "+faststart", "brand": "M4B "},
        )
        self._container: OutputContainer | None = container
        try:
            container.metadata.update(_tags(metadata))
            stream = container.add_stream(
                "aac",
                rate=self._rate,
                options={"aac_coder": "fast"},
                layout="mono",
                bit_rate=1000 * kbps,
            )
            assert isinstance(stream, AudioStream)
            self._stream = stream
            stream.metadata["language"] = _three_letters(metadata.language)
            if metadata.cover is None:
                container.start_encoding()
            else:
                self._put_cover(container, metadata.cover, metadata.cover_type, size)
        except BaseException:
            self.abort()
            raise

    def write(self, samples: Samples) -> None:
        """Append samples.

        Args:
            samples: shape (n,), at the source's rate.

        Raises:
            RuntimeError: the writer was closed or aborted.
            OSError: the file cannot be written.
        """
        container = self._opened()
        self._samples_in += len(samples)
        self._encode(container, self._resampler.feed(samples) if self._resampler else samples)

    def close(self, chapters: Sequence[Chapter] = ()) -> Encoded:
        """Finish the file. A book without samples gets one of silence.

        Args:
            chapters: each lasts until the next begins, the last to the end. The first takes in
                what comes before it, since players know no time outside of chapters. Titles are
                cut to 255 bytes of UTF-8.

        Raises:
            RuntimeError: the writer was closed or aborted.
            ValueError: the chapters are not in order, or begin before 0 or not before the end;
                the writer stays open.
            OSError: the file cannot be written.
        """
        container = self._opened()
        duration_ms = 1000 * self._samples_in // self._source_rate
        starts = [chapter.start_ms for chapter in chapters]
        if any(a >= b for a, b in zip([-1, *starts], [*starts, max(duration_ms, 1)], strict=True)):
            raise ValueError(
                f"chapters must begin one after the other from 0 to {duration_ms} ms, not {starts}"
            )
        try:
            if self._resampler:
                self._encode(container, self._resampler.finish())
            if self._samples_out == 0:
                self._encode(container, np.zeros(1, np.int16))
            container.mux(self._stream.encode(None))
            container.set_chapters(
                [
                    {
                        "id": number,
                        "start": chapter.start_ms if number else 0,
                        "end": end_ms,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": _shortened(_plain(chapter.title))},
                    }
                    for number, (chapter, end_ms) in enumerate(
                        zip(chapters, [*starts[1:], duration_ms], strict=False)
                    )
                ]
            )
            container.close()
        finally:
            self.abort()
        return Encoded(
            samples_in=self._samples_in,
            duration_seconds=self._samples_in / self._source_rate,
            sample_rate=self._rate,
            size_bytes=self._path.stat().st_size,
        )

    def abort(self) -> None:
        """Let go of the file, which may be partial. Does nothing the second time."""
        container, self._container = self._container, None
        if container is not None:
            with suppress(av.FFmpegError):
                container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.abort()

    def _opened(self) -> OutputContainer:
        if self._container is None:
            raise RuntimeError("the audiobook is closed")
        return self._container

    def _encode(self, container: OutputContainer, samples: Samples) -> None:
        if len(samples) == 0:
            return
        frame = to_frame(samples, self._rate, self._samples_out)
        self._samples_out += len(samples)
        container.mux(self._stream.encode(frame))

    def _put_cover(
        self,
        container: OutputContainer,
        cover: bytes,
        cover_type: CoverType,
        size: tuple[int, int],
    ) -> None:
        codec = "mjpeg" if cover_type == "image/jpeg" else "png"
        picture = container.add_mux_stream(codec, width=size[0], height=size[1])
        assert isinstance(picture, VideoStream)
        picture.disposition = Disposition.attached_pic
        container.start_encoding()
        packet = av.Packet(cover)
        packet.stream = picture
        packet.pts = packet.dts = 0
        packet.is_keyframe = True
        container.mux(packet)


def _cover_size(metadata: BookMetadata) -> tuple[int, int]:
    """Width and height in pixels; zeros without a cover."""
    if metadata.cover is None:
        return 0, 0
    if metadata.cover_type not in get_args(CoverType):
        raise ValueError(
            f"the cover must be of type {' or '.join(get_args(CoverType))}, "
            f"not {metadata.cover_type}"
        )
    size = 0, 0
    with suppress(av.FFmpegError):
        demuxer = _DEMUXERS[metadata.cover_type]
        with av.open(io.BytesIO(metadata.cover), format=demuxer) as image:
            size = image.streams.video[0].width, image.streams.video[0].height
    if 0 in size:
        raise ValueError(f"the cover cannot be read as {metadata.cover_type}")
    return size


def _tags(metadata: BookMetadata) -> dict[str, str]:
    """FFmpeg's names for the atoms; those without a value are left out."""
    authors = ", ".join(map(_plain, metadata.authors))
    tags = {
        "title": _plain(metadata.title),
        "album": _plain(metadata.title),
        "artist": authors,
        "album_artist": authors,
        "composer": _plain(metadata.narrator or ""),
        "genre": "Audiobook",
        "media_type": _AUDIOBOOK,
    }
    return {name: value for name, value in tags.items() if value}


def _plain(text: str) -> str:
    """One line without what a C string cannot hold."""
    return " ".join(text.encode("utf-8", "replace").decode().replace("\0", " ").split())


def _shortened(title: str) -> str:
    return title.encode()[:_TITLE_BYTES].decode(errors="ignore")


def _three_letters(language: str | None) -> str:
    """The code of ISO 639-2/T for a BCP 47 tag; `und` where there is none."""
    code = (language or "").partition("-")[0].lower()
    if len(code) == 3 and code.isascii() and code.isalpha():
        return code
    return _codes().get(code, "und")


@cache
def _codes() -> dict[str, str]:
    text = resources.files(__package__).joinpath("iso639.tsv").read_text(encoding="ascii")
    return dict(line.split("\t") for line in text.splitlines())
