"""Following a job: waiting for its end, and for its audio as it grows."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

import msgspec

from stentor.blobs import BlobMissing
from stentor.contract import ResponseFormat, SpeechResult
from stentor.gateway import Gateway
from stentor.jobs.clock import now_ms
from stentor.jobs.feed import Live
from stentor.jobs.record import JobRecord

# How soon the end of a job is noticed that runs in another process.
LOOK_INTERVAL_S = 1.0
CHUNK_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class Position:
    """How much of a job's audio has arrived.

    Attributes:
        generation: whose bytes they are, as in `Live`.
        bytes: how many, from the file's start.
    """

    generation: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a job's audio.

    Attributes:
        offset: of the first byte in the file. If it is not where the last piece ended, the audio
            begins anew with another voice.
    """

    generation: int
    offset: int
    data: bytes
    response_format: ResponseFormat

    @property
    def end(self) -> Position:
        return Position(self.generation, self.offset + len(self.data))


class Seen(NamedTuple):
    """What there is to see of a job; `audio` is all of it, if it is at hand."""

    record: JobRecord | None
    audio: bytes | None = None


class Follow:
    """One follower of one job; a context manager.

    It sees how the job ended even if the result expired at once, until that is swept away.
    """

    def __init__(self, gateway: Gateway, job_id: str, owner: str) -> None:
        self._gateway = gateway
        self._job_id = job_id
        self._owner = owner
        self._began_ms = now_ms()
        self._stack = ExitStack()
        self._live: Live | None = None
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._following = self._stack.enter_context(self._gateway.feed.follow(self._job_id))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()
        self._stack.close()

    @property
    def closing(self) -> bool:
        """Whether the server is about to end, and whoever waits should stop."""
        return self._gateway.feed.closing

    async def look(self) -> JobRecord | None:
        """The job as it stands; None if there is none."""
        return await self._gateway.store.get(self._job_id, self._owner, self._began_ms)

    async def changed(self, timeout_s: float = LOOK_INTERVAL_S) -> None:
        """Wait until it is worth another look, at most so long."""
        await self._following.changed(min(timeout_s, LOOK_INTERVAL_S))

    async def until_ended(self, timeout_s: float, *, new: bool = False) -> Seen:
        """The job once it has ended, or as it stands when the time is up.

        Args:
            new: it cannot have ended before this follower began.
        """
        end = time.monotonic() + timeout_s
        record = None if new else await self.look()
        looked = not new
        while True:
            ended = self._following.ended
            if ended is not None and ended[0].owner == self._owner:
                return Seen(*ended)
            if looked and (record is None or has_ended(record)):
                return Seen(record)
            rest = end - time.monotonic()
            if rest <= 0 or self.closing:
                return Seen(record if looked else await self.look())
            happened = await self._following.changed(min(rest, LOOK_INTERVAL_S))
            # What runs in this process tells of its end by itself.
            if not (happened and self._gateway.feed.is_here(self._job_id)):
                record, looked = await self.look(), True

    async def live(self, position: Position) -> Piece | None:
        """The next bytes of a job that runs in this process; None if there are none yet.

        If another generation speaks than the position's, its first bytes.
        """
        live = self._gateway.feed.live(self._job_id)
        if live is None:
            return None
        if live != self._live and not self._open(live):
            return None
        assert self._file is not None
        offset = position.bytes if position.generation == live.generation else 0
        data = await asyncio.to_thread(os.pread, self._file.fileno(), CHUNK_BYTES, offset)
        # An attempt that gave up meanwhile may have left a tail that does not belong there.
        if not data or self._gateway.feed.live(self._job_id) != live:
            return None
        return Piece(live.generation, offset, data, live.response_format)

    async def finished(self, record: JobRecord, position: Position) -> AsyncGenerator[Piece]:
        """The rest of a completed job's audio; all of it, if the position is not in that audio.

        Raises:
            BlobMissing: it is gone.
        """
        assert record.result is not None
        result = msgspec.json.decode(record.result, type=SpeechResult)
        generation = result.extra_fields.generation
        size = result.size_bytes
        at = position.bytes if position.generation == generation else 0
        at = at if at <= size else 0
        if self._live is not None and self._live.generation == generation and self._holds(size):
            assert self._file is not None
            while at < size:
                wanted = min(CHUNK_BYTES, size - at)
                data = await asyncio.to_thread(os.pread, self._file.fileno(), wanted, at)
                if not data:
                    raise BlobMissing(record.id)
                yield Piece(generation, at, data, result.response_format)
                at += len(data)
            return
        async for data in self._gateway.blobs.read(record.id, at, size):
            yield Piece(generation, at, data, result.response_format)
            at += len(data)

    def _open(self, live: Live) -> bool:
        self._close()
        try:
            self._file = live.path.open("rb", buffering=0)
        except FileNotFoundError:
            return False
        self._live = live
        return True

    def _holds(self, size: int) -> bool:
        """Whether the open file is the finished one, and not that of an attempt that gave up."""
        return self._file is not None and os.fstat(self._file.fileno()).st_size == size

    def _close(self) -> None:
        self._live = None
        if self._file is not None:
            self._file.close()
            self._file = None


def has_ended(record: JobRecord) -> bool:
    """Whether the job is completed or failed."""
    return record.status in ("completed", "failed")
