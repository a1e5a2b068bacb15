"""Spoken segments are kept while their job lives, and for a while after it.

A job that is taken up again after a crash finds what it has spoken already; another job that has
the same sentence to speak in the same voice finds it too. A segment is addressed by a hash of
everything that shaped it, and of whoever may use it.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import structlog
from obstore.exceptions import BaseError

from stentor import __version__
from stentor.blobs import BlobMissing, BlobStore
from stentor.contract import Attempt
from stentor.engines.base import Flow, Spoken, Utterance
from stentor.engines.speaker import Engines
from stentor.jobs.clock import Clock, now_ms
from stentor.jobs.kept import DamagedTake, KeptTake, read_take, seal_take
from stentor.jobs.segments import SegmentIndex
from stentor.jobs.small import SmallTakes
from stentor.routing.attempts import AttemptLog
from stentor.routing.caller import Caller, Order
from stentor.routing.takes import Begun, Call, Ear, FileSink, Take, make_take
from stentor.shielded import shielded

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
        small: has some vendors' audio, which is not in `blobs`.
    """

    def __init__(
        self,
        engines: Engines,
        caller: Caller,
        index: SegmentIndex,
        blobs: BlobStore,
        spool: Path,
        *,
        shared: bool,
        small: SmallTakes | None = None,
        clock: Clock = now_ms,
    ) -> None:
        self._small = small
        self._engines = engines
        self._caller = caller
        self._index = index
        self._blobs = blobs
        self._spool = spool
        self._shared = shared
        self._clock = clock
        self._underway: dict[str, _Underway] = {}
        self._calls: dict[str, asyncio.Event] = {}

    def speaker(
        self,
        flow: Flow,
        *,
        private: bool,
        before_each: BeforeEach,
        ear: Ear | None = None,
    ) -> KeptSpeaker:
        """What speaks the segments of one job and keeps them.

        Args:
            ear: who passes on a vendor's audio while it grows.
            private: the segments serve no other job, and go with this one.
            before_each: awaited before a segment that was not kept is spoken.
        """
        if private:
            scope = f"job {flow.job}"
        else:
            scope = "everyone" if self._shared else f"owner {flow.owner}"
        return KeptSpeaker(self, flow, scope, private, before_each, ear)

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

    @asynccontextmanager
    async def after_others(self, key: str) -> AsyncIterator[None]:
        """Have a vendor speak within the block, once whoever does so already is done.

        Each job makes its own calls: what fails or is called off for one is tried by the others.
        """
        underway = self._calls.get(key)
        if underway is not None:
            await underway.wait()
            yield
            return
        done = self._calls[key] = asyncio.Event()
        try:
            yield
        finally:
            del self._calls[key]
            done.set()

    def begin_call(self, key: str) -> Callable[[], None] | None:
        """Have a vendor speak from now until the result is called; None if somebody does so."""
        if key in self._calls:
            return None
        done = self._calls[key] = asyncio.Event()

        def end() -> None:
            del self._calls[key]
            done.set()

        return end

    async def known(self, key: str) -> bool:
        """Whether a segment is kept."""
        return bool(await self._index.known([key]))

    async def find_take(self, key: str, *, surely: bool) -> KeptTake | None:
        """A vendor's audio, if it is kept and whole."""
        if not surely and not await self._index.known([key]):
            return None
        copy = self._temporary()
        found = None
        try:
            found = await asyncio.to_thread(read_take, await self._fetch_take(key, copy))
        except BlobMissing:
            pass
        except DamagedTake:
            log.warning("segment.damaged", key=key)
        except (OSError, BaseError) as error:
            log.warning("segment.not_read", key=key, error=type(error).__name__)
        finally:
            if found is None:
                copy.unlink(missing_ok=True)
        return found

    async def _fetch_take(self, key: str, copy: Path) -> Path:
        try:
            return await self._blobs.fetch(key, copy)
        except BlobMissing:
            sealed = await self._small.sealed(key) if self._small is not None else None
            if sealed is None:
                raise
            await asyncio.to_thread(copy.write_bytes, sealed)
            return copy

    async def make_take_and_keep(
        self, key: str, order: Order, begun: Begun | None, ear: Ear | None, *, private: bool
    ) -> KeptTake:
        """Have a vendor speak.

        Raises:
            ProviderError: it cannot.
        """
        own = AttemptLog(order.log)
        sink = FileSink(self._temporary(), order.script, begun, ear if begun is not None else None)
        try:
            take = await make_take(self._caller, msgspec.structs.replace(order, log=own), sink)
            log.debug("segment.spoken", key=key, job_id=order.flow.job)
            return await self.keep(
                key, KeptTake(take, order.flow.job), followed=begun is not None, private=private
            )
        except BaseException:
            sink.remove()
            raise

    async def keep(self, key: str, kept: KeptTake, *, followed: bool, private: bool) -> KeptTake:
        """Keep what a vendor spoke into a file of the spool.

        Args:
            followed: somebody may be listening to the file.
        """
        path = await self._keep_take(key, kept, followed=followed, private=private)
        log.debug("segment.kept", key=key, job_id=kept.job)
        return KeptTake(msgspec.structs.replace(kept.take, path=path), kept.job)

    async def _keep_take(self, key: str, kept: KeptTake, *, followed: bool, private: bool) -> Path:
        """Store a take; returns where its audio is."""
        take = kept.take
        # Nothing may be appended to a file that somebody listens to. What is the whole of a job is
        # synced as its result; until then a power cut costs no more than being paid again.
        sealed = self._temporary() if followed else take.path
        size = await shielded(asyncio.to_thread(seal_take, kept, sealed))
        try:
            stored = await self._blobs.put_file(key, sealed, synced=not followed)
        finally:
            await self._index.add(key, size, self._clock(), private=private)
            if followed:
                sealed.unlink(missing_ok=True)
        return take.path if followed else stored

    async def release(self, take: Take) -> None:
        """Remove a file that is not the store's own."""
        if take.path.parent == self._spool:
            await asyncio.to_thread(take.path.unlink, missing_ok=True)

    def _temporary(self) -> Path:
        # Not named after a job: what waits for a vendor is not suspected of a crash.
        return self._spool / f"take-{uuid4().hex}"


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
        ear: Ear | None = None,
    ) -> None:
        self._checkpoints = checkpoints
        self._flow = flow
        self._scope = scope
        self._private = private
        self._before_each = before_each
        self._ear = ear
        self._there: set[str] = set()
        self._paid: set[str] = set()
        self._made: Take | None = None
        self.spoken = 0

    @property
    def size(self) -> int:
        return self._checkpoints.size

    @property
    def flow(self) -> Flow:
        return self._flow

    def has(self, take: Take | None) -> None:
        """A vendor has spoken already what the first call is to be."""
        self._made = take

    async def expect(self, parts: Sequence[Utterance | Call]) -> None:
        keys = list(dict.fromkeys(self._key(part) for part in parts))
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

    async def take(self, order: Order, begun: Begun | None = None) -> Take:
        """Find what a vendor spoke, or have it speak.

        Raises:
            ProviderError: it cannot be spoken.
            OSError, obstore.exceptions.BaseError: it cannot be kept.
            StoreFull: the index has no room for it.
        """
        key = self.key(order)
        async with self._checkpoints.after_others(key):
            kept, mine = await self._find_or_make(key, order, begun)
        self._there.add(key)
        self.spoken += mine
        if mine:
            self._paid.add(key)
        elif kept.job == self._flow.job and key not in self._paid:
            # An earlier attempt at this job paid for it.
            self._paid.add(key)
            for attempt in kept.take.attempts:
                order.log.add(attempt)
        else:
            order.log.add(Attempt(order.account.name, order.script.model, "cached", 0, calls=0))
        return kept.take

    async def release(self, take: Take) -> None:
        await self._checkpoints.release(take)

    async def _find_or_make(
        self, key: str, order: Order, begun: Begun | None
    ) -> tuple[KeptTake, bool]:
        if self._made is not None:
            take, self._made = self._made, None
            kept = KeptTake(take, self._flow.job)
            try:
                return await self._checkpoints.keep(
                    key, kept, followed=True, private=self._private
                ), True
            except BaseException:
                take.path.unlink(missing_ok=True)
                raise
        found = await self._checkpoints.find_take(key, surely=key in self._there)
        if found is not None:
            return found, False
        await self._before_each()
        made = await self._checkpoints.make_take_and_keep(
            key, order, begun, self._ear, private=self._private
        )
        return made, True

    async def _find_or_speak(self, key: str, utterance: Utterance) -> tuple[Spoken, bool]:
        found = await self._checkpoints.find(key, surely=key in self._there)
        if found is not None:
            return found, False
        await self._before_each()
        spoken = await self._checkpoints.speak_and_keep(
            key, utterance, self._flow, private=self._private
        )
        return spoken, True

    def key(self, order: Order) -> str:
        """Where what an order brings is kept."""
        return self._key(Call.of(order.account, order.script))

    def _key(self, part: Utterance | Call) -> str:
        shaped = msgspec.msgpack.encode((__version__, self._scope, part), order="deterministic")
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
