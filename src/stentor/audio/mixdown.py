"""From spoken segments to a file: joining, mastering and encoding, all in one thread's hands."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stentor.audio.encode import Encoded, Encoder
from stentor.audio.join import Joiner
from stentor.audio.loudness import LoudnessMeter
from stentor.audio.m4b import AudiobookWriter, BookMetadata, Chapter
from stentor.audio.mastering import Gain, Mastering, find_gain
from stentor.audio.pcm import Pcm, Samples, blocks
from stentor.audio.settings import EncoderSettings, LoudnessTarget
from stentor.audio.spool import Spool
from stentor.contract import ResponseFormat

# Some frames of any encoder: enough for a player to begin with, and soon encoded.
FIRST_SAMPLES = 8192


class Stopped(Exception):
    """Somebody called for the work to stop."""


@dataclass(frozen=True, slots=True)
class MixSettings:
    """What is made of the joined segments.

    Attributes:
        encoder: bit rates.
        loudness: of the whole; None leaves it as it comes, and lets the file grow meanwhile.
        book: of an `m4b`.
    """

    encoder: EncoderSettings
    loudness: LoudnessTarget | None = None
    book: BookMetadata | None = None


@dataclass(frozen=True, slots=True)
class Mixed:
    """A finished file.

    Attributes:
        loudness_lufs: that was reached, where one was asked for; -inf for silence.
    """

    encoded: Encoded
    chapters: tuple[Chapter, ...] = ()
    loudness_lufs: float | None = None


class _Writer(Protocol):
    def write(self, samples: Samples) -> None: ...

    def abort(self) -> None: ...


class Mixdown:
    """One file in the making. Not thread-safe, but free to move between threads.

    Args:
        path: the file, overwritten. What has to wait lies in its folder meanwhile, in files without
            a name.
        sample_rate: of the audio to come, in Hz; segments at another rate are resampled.

    Attributes:
        origin_ms: where sample 0 of the newest segment lies in the file, before it was trimmed.

    Raises:
        ValueError: the cover of the book is no image of its type.
        OSError: the file cannot be opened.
    """

    def __init__(
        self, path: Path, response_format: ResponseFormat, sample_rate: int, settings: MixSettings
    ) -> None:
        self._sample_rate = sample_rate
        self._settings = settings
        self._joiner = Joiner(sample_rate, folder=path.parent)
        self._samples = 0
        self._titles: list[tuple[float, str]] = []
        self._title: str | None = None
        self._stop = threading.Event()
        self.origin_ms = 0.0
        self._waiting: Spool | None = None
        self._meter: LoudnessMeter | None = None
        if settings.loudness is not None:
            self._waiting = Spool(path.parent)
            self._meter = LoudnessMeter(sample_rate)
        self._book: AudiobookWriter | None = None
        self._encoder: Encoder | None = None
        if response_format == "m4b":
            book = settings.book or BookMetadata("")
            self._book = AudiobookWriter(path, sample_rate, settings.encoder.aac_kbps, book)
        else:
            self._encoder = Encoder(path, response_format, sample_rate, settings.encoder)

    @property
    def grows(self) -> bool:
        """Whether the file can be played while it is made."""
        return self._waiting is None and self._book is None

    @property
    def is_heard(self) -> bool:
        """Whether there is enough of the file for a player to begin with."""
        return self.grows and self._samples >= FIRST_SAMPLES

    def begin_chapter(self, title: str) -> None:
        """The next segment begins a chapter."""
        self._title = title

    def add(self, samples: bytes, sample_rate: int, pause_after_ms: int) -> float:
        """Append a segment and the pause after it; returns the seconds so far.

        Args:
            samples: mono PCM, signed 16 bit, native byte order.
        """
        return self.add_pcm(Pcm.from_bytes(samples, sample_rate), pause_after_ms)

    def add_pcm(self, pcm: Pcm, pause_after_ms: int) -> float:
        """Append a segment of any length and the pause after it; returns the seconds so far."""
        return max(self.steps(pcm, pause_after_ms))

    def steps(self, pcm: Pcm, pause_after_ms: int) -> Iterator[float]:
        """Append as `add_pcm` does, in steps of some seconds of audio; yields the seconds so far.

        There is at least one step. A caller that does not go to the end must abort.
        """
        joined = self._joiner.add(pcm, pause_after_ms)
        self.origin_ms = 1000 * joined.origin / self._sample_rate
        if self._title is not None:
            self._titles.append((max(0.0, self.origin_ms), self._title))
            self._title = None
        for block in self._eased(joined.blocks()):
            self._write(block)
            self._samples += len(block)
            yield self._samples / self._sample_rate

    def _eased(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        """The blocks, cut where a file that is heard while it grows can begin to be heard."""
        for block in blocks:
            room = FIRST_SAMPLES - self._samples
            if self.grows and 0 < room < len(block):
                yield block[:room]
                block = block[room:]
            yield block

    def close(self) -> Mixed:
        """Finish the file.

        Raises:
            Stopped: `stop` was called meanwhile.
        """
        gain = self._master() if self._waiting is not None else None
        chapters = self._chapters()
        if self._book is not None:
            encoded = self._book.close(chapters)
        else:
            assert self._encoder is not None
            encoded = self._encoder.close()
        return Mixed(encoded, chapters, gain.loudness.integrated_lufs if gain else None)

    def stop(self) -> None:
        """Let a `close` in another thread come to an end soon."""
        self._stop.set()

    def abort(self) -> None:
        """Give up; the file is left partial and closed."""
        self._writer.abort()
        if self._waiting is not None:
            self._waiting.close()

    @property
    def _writer(self) -> _Writer:
        writer = self._book or self._encoder
        assert writer is not None
        return writer

    def _write(self, block: Samples) -> None:
        if self._waiting is None:
            self._writer.write(block)
            return
        assert self._meter is not None
        self._meter.feed(block)
        self._waiting.write(block)

    def _master(self) -> Gain:
        """Write what waited, at its loudness."""
        assert self._waiting is not None and self._meter is not None
        assert self._settings.loudness is not None
        samples = self._waiting.finish()

        def read() -> Iterator[Samples]:
            for block in blocks(samples):
                if self._stop.is_set():
                    raise Stopped
                yield block

        gain = find_gain(read, self._sample_rate, self._settings.loudness, self._meter.finish())
        mastering = Mastering(self._sample_rate, gain)
        for block in read():
            self._writer.write(mastering.feed(block))
        self._writer.write(mastering.finish())
        return gain

    def _chapters(self) -> tuple[Chapter, ...]:
        """In whole milliseconds, no two at one place."""
        end_ms = math.floor(1000 * self._samples / self._sample_rate)
        chapters: dict[int, str] = {}
        for start_ms, title in self._titles:
            chapters.setdefault(min(round(start_ms), max(0, end_ms - 1)), title)
        return tuple(Chapter(start, title) for start, title in sorted(chapters.items()))
