"""Removes what has expired: the audio first, then the row that remembers it."""

from __future__ import annotations

import asyncio

import structlog

from stentor.blobs import BlobStore
from stentor.jobs.runner import Clock, now_ms
from stentor.jobs.store import JobStore

log = structlog.get_logger(__name__)

BATCH = 500


class Sweeper:
    """Sweeps every `interval_s` seconds until closed."""

    def __init__(
        self, store: JobStore, blobs: BlobStore, *, interval_s: float, clock: Clock = now_ms
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._interval_s = interval_s
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to sweep."""
        self._task = asyncio.create_task(self._run(), name="sweeper")

    async def close(self) -> None:
        """Stop sweeping."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self) -> int:
        """Remove all that has expired by now; returns how many jobs.

        A job whose audio cannot be deleted now is left for a later sweep, and keeps no other.
        """
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

    async def _run(self) -> None:
        while True:
            try:
                if removed := await self.sweep():
                    log.info("jobs.swept", removed=removed)
            except Exception:
                log.exception("jobs.sweep_failed")
            await asyncio.sleep(self._interval_s)
