"""Whether the disk has room for more."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

LOOK_INTERVAL_S = 1.0


def free_bytes(folder: Path) -> int:
    """What an unprivileged process may still write to the folder's file system.

    Raises:
        OSError: the folder cannot be looked at.
    """
    return shutil.disk_usage(folder).free


class DiskGuard:
    """Says when a folder's file system has too little room left.

    A folder that cannot be looked at is taken as full: what cannot be found cannot be written
    to, and work that is refused or waits is not lost.

    Args:
        folder: anything on the file system.
        min_free_bytes: full means that less than this is free; 0 is never full.
        clock: in seconds, never going back.
        max_age_s: how long one look counts.
        free: how to look.
        sleep: how to wait between looks.
    """

    def __init__(
        self,
        folder: Path,
        min_free_bytes: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        max_age_s: float = 0.5,
        free: Callable[[Path], int] = free_bytes,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._folder = folder
        self._min_free_bytes = min_free_bytes
        self._clock = clock
        self._max_age_s = max_age_s
        self._free = free
        self._sleep = sleep
        self._looked_at: float | None = None
        self._full = False

    @property
    def full(self) -> bool:
        """Whether there is too little room, as of at most `max_age_s` ago."""
        if self._min_free_bytes == 0:
            return False
        now = self._clock()
        if self._looked_at is None or now - self._looked_at >= self._max_age_s:
            self._looked_at = now
            self._look()
        return self._full

    async def wait_for_room(self) -> None:
        """Return once the disk is not full, at once if it is not."""
        while self.full:
            await self._sleep(LOOK_INTERVAL_S)

    def _look(self) -> None:
        try:
            free: int | None = self._free(self._folder)
            reason = None
        except OSError as error:
            free, reason = None, str(error)
        full = free is None or free < self._min_free_bytes
        if full and not self._full:
            log.warning(
                "disk.full", free_bytes=free, min_free_bytes=self._min_free_bytes, reason=reason
            )
        elif self._full and not full:
            log.info("disk.has_room", free_bytes=free, min_free_bytes=self._min_free_bytes)
        self._full = full
