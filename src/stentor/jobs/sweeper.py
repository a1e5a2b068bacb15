"""Removes what nobody needs any more: the files first, then the rows that remember them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

from stentor.blobs import BlobStore
from stentor.jobs.clock import Clock, now_ms
from stentor.jobs.segments import SegmentIndex
from stentor.jobs.store import JobStore

log = structlog.get_logger(__name__)

BATCH = 500
ORPHAN_INTERVAL_MS = 3_600_000
# A file is stored a moment before the row that tells of it.
ORPHAN_GRACE_MS = 600_000


class Sweeper:
    """Sweeps every `interval_s` seconds until closed.

    Args:
        blobs, segments: finished audio by job id, and spoken segments by key.
        cache_bytes: how much is kept of segments that no live job needs.
        cache_age_ms: how long those are kept after their last use.
        short_of_room: whether their place is needed: then they go, the least recently used first,
            until it is not.
        more: further chores: each is called at every sweep with the time.
    """

    def __init__(
        self,
        store: JobStore,
        blobs: BlobStore,
        index: SegmentIndex,
        segments: BlobStore,
        *,
        interval_s: float,
        cache_bytes: int,
        cache_age_ms: int,
        short_of_room: Callable[[], bool] = lambda: False,
        more: Collection[Callable[[int], Awaitable[object]]] = (),
        clock: Clock = now_ms,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._index = index
        self._segments = segments
        self._interval_s = interval_s
        self._cache_bytes = cache_bytes
        self._cache_age_ms = cache_age_ms
        self._short_of_room = short_of_room
        self._more = more
        self._clock = clock
        self._orphans_due_ms = 0
        self._started_ms = clock()
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    def start(self) -> None:
        """Begin to sweep."""
        self._task = asyncio.create_task(self._run(), name="sweeper")

    async def close(self) -> None:
        """Stop sweeping."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def notify(self) -> None:
        """Say that a job has ended, where that leaves segments that are not to be kept."""
        if self._cache_bytes == 0:
            self._wake.set()

    async def sweep(self) -> int:
        """Remove all that may go by now; returns how many jobs have expired.

        A job whose audio cannot be deleted now is left for a later sweep, and keeps no other.
        """
        removed = await self._sweep_jobs()
        await self._sweep_segments()
        await self._store.purge_keys(self._clock())
        for chore in self._more:
            await chore(self._clock())
        return removed

    async def sweep_orphans(self) -> int:
        """Delete files that no row tells of; returns how many.

        A crash between storing a file and committing its row leaves one, and so does a worker
        that stores audio for a job that was deleted meanwhile.
        """
        jobs = await self._orphans(self._blobs, self._store.known)
        segments = await self._orphans(self._segments, self._index.known)
        return jobs + segments

    async def _sweep_jobs(self) -> int:
        removed, resisting = 0, set[str]()
        while True:
            found = await self._store.expired(self._clock(), BATCH + len(resisting))
            ids = [job_id for job_id in found if job_id not in resisting]
            if not ids:
                return removed
            # A crash between the two leaves the row, so the next sweep comes back for it.
            resisting.update(await self._blobs.delete(ids))
            await self._store.purge([job_id for job_id in ids if job_id not in resisting])
            removed += sum(job_id not in resisting for job_id in ids)

    async def _sweep_segments(self) -> None:
        while True:
            used_before_ms = self._clock() - self._cache_age_ms
            keep_bytes = 0 if self._short_of_room() else self._cache_bytes
            keys = await self._index.removable(keep_bytes, used_before_ms, BATCH)
            # The rows go first: a job that asks meanwhile must not count on the file.
            gone = await self._index.remove(keys)
            if not gone:
                return
            # What was spoken anew meanwhile has a row again.
            back = await self._index.known(gone)
            await self._segments.delete([key for key in gone if key not in back])

    async def _orphans(
        self, blobs: BlobStore, known: Callable[[Collection[str]], Awaitable[set[str]]]
    ) -> int:
        written_before = max(self._started_ms, self._clock() - ORPHAN_GRACE_MS)
        removed = 0
        async for batch in blobs.keys():
            old = [key for key, written_ms in batch if written_ms < written_before]
            orphans = set(old) - await known(old) if old else set()
            if orphans:
                await blobs.delete(sorted(orphans))
                removed += len(orphans)
        return removed

    async def _run(self) -> None:
        while True:
            try:
                if removed := await self.sweep():
                    log.info("jobs.swept", removed=removed)
                if self._clock() >= self._orphans_due_ms:
                    if orphans := await self.sweep_orphans():
                        log.info("orphans.swept", removed=orphans)
                    self._orphans_due_ms = self._clock() + ORPHAN_INTERVAL_MS
            except Exception:
                log.exception("jobs.sweep_failed")
            self._wake.clear()
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._wake.wait()
            except TimeoutError:
                continue
