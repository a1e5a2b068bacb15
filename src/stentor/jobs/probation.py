"""Who may be at work after having been at work when something broke."""

from __future__ import annotations

import asyncio


class Probation:
    """Lets one job with strikes be at work at a time, until it ends or gets further.

    Whoever is at work when the process dies gets a strike: a job that brings it down again and
    again must not take its neighbours with it.
    """

    def __init__(self) -> None:
        self._free = asyncio.Lock()
        self._job_id: str | None = None

    async def begin(self, job_id: str) -> None:
        """Wait for the others."""
        await self._free.acquire()
        self._job_id = job_id

    def end(self, job_id: str) -> None:
        """Let the next one begin; nothing happens if it is not this job's turn."""
        if self._job_id == job_id:
            self._job_id = None
            self._free.release()
