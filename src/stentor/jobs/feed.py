"""What happens to jobs in this process, for those who wait for it.

The store is the truth; the feed only says when it is worth another look, and where the audio of
a running job grows. A job that another process runs makes no sound here, so whoever waits also
looks by itself from time to time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from stentor.contract import ResponseFormat


@dataclass(frozen=True, slots=True)
class Live:
    """The audio of a running job.

    Attributes:
        path: the file that grows. What has been written does not change, but for the sizes in a
            header, which are filled in at the end. It is moved away when the job ends; whoever
            opened it before can read on.
        generation: tells this audio from any other of the job. The bytes of one generation are
            the same in every attempt; another generation begins anew, perhaps in another voice.
        response_format: what the file holds.
    """

    path: Path
    generation: int
    response_format: ResponseFormat


class Following:
    """One follower's view of one job."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def notify(self) -> None:
        self._changed.set()

    async def changed(self, timeout_s: float) -> bool:
        """Wait until something happened since the last call, or the time is up (False)."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        happened = self._changed.is_set()
        self._changed.clear()
        return happened


class JobFeed:
    """Who follows which job. Belongs to one event loop."""

    def __init__(self) -> None:
        self._followers: dict[str, set[Following]] = {}
        self._live: dict[str, Live] = {}
        self._closing = False

    @property
    def closing(self) -> bool:
        """Whether the process is about to end: whoever waits should answer with what there is."""
        return self._closing

    @contextmanager
    def follow(self, job_id: str) -> Iterator[Following]:
        """Hear of what happens to the job from now on; look at the store after this begins."""
        following = Following()
        self._followers.setdefault(job_id, set()).add(following)
        try:
            yield following
        finally:
            followers = self._followers[job_id]
            followers.discard(following)
            if not followers:
                del self._followers[job_id]

    def live(self, job_id: str) -> Live | None:
        """Where the job's audio grows, if it is being spoken in this process."""
        return self._live.get(job_id)

    def set_live(self, job_id: str, live: Live | None) -> None:
        """Say where the job's audio grows; None: nowhere any more."""
        if live is None:
            self._live.pop(job_id, None)
        else:
            self._live[job_id] = live
        self.notify(job_id)

    def notify(self, job_id: str) -> None:
        """Say that something happened to the job: more audio, another status."""
        for following in self._followers.get(job_id, ()):
            following.notify()

    def close(self) -> None:
        """Let everyone who waits go."""
        self._closing = True
        for followers in self._followers.values():
            for following in followers:
                following.notify()
