"""What happens to jobs, for those who wait for it.

The store is the truth; the feed only says when it is worth another look, and where the audio of
a running job grows. Of a job that another process runs, it hears through its peers, if it has any;
whoever waits also looks by itself from time to time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stentor.contract import ResponseFormat
from stentor.jobs.record import JobRecord

# Most jobs are run by the process that took them, and many have ended by then.
WATCH_AFTER_S = 0.02


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
    """One follower's view of one job.

    Attributes:
        ended: the job and its audio, if it ended in this process meanwhile and is short.
    """

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.ended: tuple[JobRecord, bytes | None] | None = None

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


class Peers(Protocol):
    """The other server processes of this machine."""

    def watch(self, job_id: str, on: bool) -> None:
        """Somebody here follows a job, or nobody does any more."""
        ...

    def changed(self, job_id: str) -> None:
        """Something happened here to a job that is followed elsewhere."""
        ...

    def lives(self, job_id: str, live: Live | None) -> None:
        """The audio of a job that is followed elsewhere grows here; None: no more."""
        ...

    def cancelled(self, job_id: str) -> None:
        """A job has ended in the store, and may be running elsewhere."""
        ...

    def submitted(self) -> None:
        """A job waits that there is no place for here."""
        ...


class JobFeed:
    """Who follows which job. Belongs to one event loop.

    Attributes:
        peers: the other processes, if there are any.
    """

    def __init__(self) -> None:
        self.peers: Peers | None = None
        self._followers: dict[str, set[Following]] = {}
        self._live: dict[str, Live] = {}
        self._here: set[str] = set()
        self._watches: dict[str, asyncio.TimerHandle | None] = {}
        self._elsewhere: dict[str, Live] = {}
        self._watched: Counter[str] = Counter()
        self._closing = False

    @property
    def closing(self) -> bool:
        """Whether the process is about to end: whoever waits should answer with what there is."""
        return self._closing

    @contextmanager
    def follow(self, job_id: str) -> Iterator[Following]:
        """Hear of what happens to the job from now on; look at the store after this begins."""
        following = Following()
        followers = self._followers.setdefault(job_id, set())
        followers.add(following)
        if self.peers is not None and len(followers) == 1:
            self._watch_soon(job_id)
        try:
            yield following
        finally:
            followers.discard(following)
            if not followers:
                del self._followers[job_id]
                self._unwatch(job_id)

    def live(self, job_id: str) -> Live | None:
        """Where the job's audio grows, as far as that is known here."""
        return self._live.get(job_id) or self._elsewhere.get(job_id)

    def set_live(self, job_id: str, live: Live | None) -> None:
        """Say where the job's audio grows; None: nowhere any more."""
        if live is None:
            self._live.pop(job_id, None)
        else:
            self._live[job_id] = live
        if self.peers is not None and job_id in self._watched:
            self.peers.lives(job_id, live)
        self.notify(job_id)

    def notify(self, job_id: str) -> None:
        """Say that something happened to the job: more audio, another status."""
        if self.peers is not None and job_id in self._watched:
            self.peers.changed(job_id)
        self._tell(job_id)

    def tell_end(self, job_id: str, end: Callable[[], tuple[JobRecord, bytes | None]]) -> None:
        """Say how a job has ended, to those who follow it here: they need not look."""
        followers = self._followers.get(job_id)
        if followers:
            ended = end()
            for following in followers:
                following.ended = ended

    def is_here(self, job_id: str) -> bool:
        """Whether the job is worked on in this process."""
        return job_id in self._here

    def set_here(self, job_id: str, here: bool) -> None:
        """Say that a job is worked on in this process, or is no more."""
        if here:
            self._here.add(job_id)
            # Whoever had it before may have gone without a word.
            self._elsewhere.pop(job_id, None)
            return
        self._here.discard(job_id)
        self._tell(job_id)
        # It may have been given up, and another process take it over.
        if self.peers is not None and job_id in self._followers and job_id not in self._watches:
            self._watch_soon(job_id)

    def watched_elsewhere(self, job_id: str, on: bool) -> None:
        """Another process follows a job, or does so no more."""
        if not on:
            self._watched[job_id] -= 1
            if self._watched[job_id] <= 0:
                del self._watched[job_id]
            return
        self._watched[job_id] += 1
        if self.peers is not None and (live := self._live.get(job_id)) is not None:
            self.peers.lives(job_id, live)

    def changed_elsewhere(self, job_id: str) -> None:
        """Something happened to the job in another process."""
        self._tell(job_id)

    def lives_elsewhere(self, job_id: str, live: Live | None) -> None:
        """The job's audio grows in another process; None: no more."""
        if live is None:
            self._elsewhere.pop(job_id, None)
        elif job_id in self._followers:
            self._elsewhere[job_id] = live
        self._tell(job_id)

    def close(self) -> None:
        """Let everyone who waits go."""
        self._closing = True
        for followers in self._followers.values():
            for following in followers:
                following.notify()

    def _tell(self, job_id: str) -> None:
        for following in self._followers.get(job_id, ()):
            following.notify()

    def _watch_soon(self, job_id: str) -> None:
        loop = asyncio.get_running_loop()
        self._watches[job_id] = loop.call_later(WATCH_AFTER_S, self._watch, job_id)

    def _watch(self, job_id: str) -> None:
        assert self.peers is not None
        if job_id in self._here:
            del self._watches[job_id]
        else:
            self._watches[job_id] = None
            self.peers.watch(job_id, True)

    def _unwatch(self, job_id: str) -> None:
        self._elsewhere.pop(job_id, None)
        if job_id not in self._watches:
            return
        soon = self._watches.pop(job_id)
        if soon is not None:
            soon.cancel()
        elif self.peers is not None:
            self.peers.watch(job_id, False)
