"""Spoken segments are kept while their job lives, and for a while after it.

A job that is taken up again after a crash finds what it has spoken already; another job that has
the same sentence to speak in the same voice finds it too. A segment is addressed by a hash of
everything that shaped it, and of whoever may use it.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog
from obstore.exceptions import BaseError

from stentor import __version__
from stentor.blobs import BlobMissing, BlobStore
from stentor.engines.base import Flow, Spoken, Utterance
from stentor.engines.speaker import Engines
from stentor.jobs.clock import Clock, now_ms
from stentor.jobs.segments import SegmentIndex

log = structlog.get_logger(__name__)

BeforeEach = Callable[[], Awaitable[None]]


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """A segment at rest. `crc32` is of `spoken`, a `Spoken` in MessagePack."""

    crc32: int
    spoken: bytes


class Checkpoints:
    """The spoken segments of all jobs of this process.

    Args:
        blobs: where their audio is.
        spool: folder for files being made, on the same file system as local blobs.
        shared: whether callers may use each other's segments.
    """

    def __init__(
        self,
        engines: Engines,
        index: SegmentIndex,
        blobs: BlobStore,
        spool: Path,
        *,
        shared: bool,
        clock: Clock = now_ms,
    ) -> None:
        self._engines = engines
        self._index = index
        self._blobs = blobs
        self._spool = spool
        self._shared = shared
        self._clock = clock
        self._underway: dict[str, _Underway] = {}

    def speaker(self, flow: Flow, *, private: bool, before_each: BeforeEach) -> KeptSpeaker:
        """What speaks the segments of one job and keeps them.

        Args:
            private: the segments serve no other job, and go with this one.
            before_each: awaited before a segment that was not kept is spoken.
        """
        if private:
            scope = f"job {flow.job}"
        else:
            scope = "everyone" if self._shared else f"owner {flow.owner}"
        return KeptSpeaker(self, flow, scope, private, before_each)

    @property
    def size(self) -> int:
        return self._engines.size

    async def pin(self, job_id: str, keys: Sequence[str]) -> set[str]:
        return await self._index.pin(job_id, keys, self._clock())

    async def find(self, key: str, *, surely: bool) -> Spoken | None:
        """The segment, if it is kept and whole.

        Args:
            surely: the index was seen to have it; otherwise it is asked first.
        """
        if not surely and not await self._index.known([key]):
            return None
        try:
            data = await self._blobs.read_all(key)
        except BlobMissing:
            return None
        except (OSError, BaseError) as error:
            log.warning("segment.not_read", key=key, error=type(error).__name__)
            return None
        return await asyncio.to_thread(_unpack, key, data)

    async def once(
        self, key: str, find_or_speak: Callable[[], Coroutine[Any, Any, tuple[Spoken, bool]]]
    ) -> tuple[Spoken, bool]:
        """Find or speak, unless that is being done for the same segment: then wait for it.

        Args:
            find_or_speak: returns the segment, and whether it was spoken.

        Returns:
            The segment, and whether it was spoken for this caller.
        """
        underway = self._underway.get(key)
        first = underway is None
        if underway is None:
            underway = self._underway[key] = _Underway(asyncio.create_task(find_or_speak()))
        underway.waiting += 1
        try:
            spoken, fresh = await asyncio.shield(underway.task)
            return spoken, first and fresh
        finally:
            underway.waiting -= 1
            # The last one who gives up ends the work, and the next one begins it anew.
            if underway.waiting == 0 or underway.task.done():
                if self._underway.get(key) is underway:
                    del self._underway[key]
                if not underway.task.done():
                    underway.task.cancel()
                    await asyncio.gather(underway.task, return_exceptions=True)

    async def speak_and_keep(
        self, key: str, utterance: Utterance, flow: Flow, *, private: bool
    ) -> Spoken:
        spoken = await self._engines.speak(utterance, flow)
        log.debug("segment.spoken", key=key, job_id=flow.job)
        data = await asyncio.to_thread(_pack, spoken)
        try:
            await self._blobs.put_bytes(key, data, self._spool)
        except asyncio.CancelledError:
            # It may be there all the same, and the sweeper goes by the rows.
            await self._index.add(key, len(data), self._clock(), private=private)
            raise
        await self._index.add(key, len(data), self._clock(), private=private)
        log.debug("segment.kept", key=key, job_id=flow.job)
        return spoken


class KeptSpeaker:
    """Speaks the segments of one job, but only those that are not kept already.

    Attributes:
        spoken: how many segments this job had spoken, rather than found.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        flow: Flow,
        scope: str,
        private: bool,
        before_each: BeforeEach,
    ) -> None:
        self._checkpoints = checkpoints
        self._flow = flow
        self._scope = scope
        self._private = private
        self._before_each = before_each
        self._there: set[str] = set()
        self.spoken = 0

    @property
    def size(self) -> int:
        return self._checkpoints.size

    async def expect(self, utterances: Sequence[Utterance]) -> None:
        keys = list(dict.fromkeys(self._key(utterance) for utterance in utterances))
        self._there |= await self._checkpoints.pin(self._flow.job, keys)

    async def speak(self, utterance: Utterance) -> Spoken:
        """Find the segment, or speak it.

        Raises:
            EngineError: it cannot be spoken.
            OSError, obstore.exceptions.BaseError: it cannot be kept.
            StoreFull: the index has no room for it.
        """
        key = self._key(utterance)
        # All of it once: what was not there when one job looked may be when its turn comes.
        spoken, mine = await self._checkpoints.once(
            key, lambda: self._find_or_speak(key, utterance)
        )
        self._there.add(key)
        self.spoken += mine
        return spoken

    async def _find_or_speak(self, key: str, utterance: Utterance) -> tuple[Spoken, bool]:
        found = await self._checkpoints.find(key, surely=key in self._there)
        if found is not None:
            return found, False
        await self._before_each()
        spoken = await self._checkpoints.speak_and_keep(
            key, utterance, self._flow, private=self._private
        )
        return spoken, True

    def _key(self, utterance: Utterance) -> str:
        shaped = msgspec.msgpack.encode((__version__, self._scope, utterance))
        return hashlib.sha256(shaped).hexdigest()


class _Underway:
    """A segment that is being found or spoken, and how many wait for it."""

    def __init__(self, task: asyncio.Task[tuple[Spoken, bool]]) -> None:
        self.task = task
        self.waiting = 0


def _pack(spoken: Spoken) -> bytes:
    body = msgspec.msgpack.encode(spoken)
    return msgspec.msgpack.encode(_Kept(zlib.crc32(body), body))


def _unpack(key: str, data: bytes) -> Spoken | None:
    try:
        kept = msgspec.msgpack.decode(data, type=_Kept)
        if zlib.crc32(kept.spoken) == kept.crc32:
            return msgspec.msgpack.decode(kept.spoken, type=Spoken)
    except msgspec.DecodeError:
        pass
    log.warning("segment.damaged", key=key)
    return None
