"""The side of a process that borrows what only the first one has."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

from stentor.engines.base import EngineError, Flow, Spoken, Utterance
from stentor.jobs.feed import JobFeed, Live
from stentor.processes.link import Link
from stentor.processes.messages import (
    Cancelled,
    Changed,
    Ended,
    GiveUp,
    Lives,
    Message,
    Said,
    Speak,
    Submitted,
    Unsaid,
    Watch,
)


class BorrowedEngines:
    """The engines of the first process.

    Args:
        size: how many utterances they speak at once.
    """

    def __init__(self, link: Link, size: int) -> None:
        self._link = link
        self._size = size
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Spoken]] = {}

    @property
    def size(self) -> int:
        return self._size

    async def speak(self, utterance: Utterance, flow: Flow) -> Spoken:
        """Speak one utterance in the flow's turn, as `EnginePool.speak` does.

        Raises:
            EngineError: the engine cannot speak it, or crashed on it repeatedly.
        """
        number = next(self._numbers)
        done: asyncio.Future[Spoken] = asyncio.get_running_loop().create_future()
        self._waiting[number] = done
        self._link.send(Speak(number, utterance, flow))
        try:
            return await done
        except asyncio.CancelledError:
            self._link.send(GiveUp(number))
            raise
        finally:
            del self._waiting[number]

    def hear(self, message: Said | Unsaid) -> None:
        """What became of an utterance."""
        done = self._waiting.get(message.number)
        if done is None or done.done():
            return
        if isinstance(message, Said):
            done.set_result(message.spoken)
        else:
            done.set_exception(EngineError(message.code, message.message))


class Member:
    """This process among the others: tells them of its jobs, and hears of theirs.

    Args:
        on_cancelled: hears that a job has ended in the store.
        on_submitted: hears that a job waits.
    """

    def __init__(
        self,
        link: Link,
        feed: JobFeed,
        engines: BorrowedEngines,
        *,
        on_cancelled: Callable[[str], None],
        on_submitted: Callable[[], None],
    ) -> None:
        self._link = link
        self._feed = feed
        self._engines = engines
        self._on_cancelled = on_cancelled
        self._on_submitted = on_submitted

    def watch(self, job_id: str, on: bool) -> None:
        self._link.send(Watch(job_id, on))

    def changed(self, job_id: str) -> None:
        self._link.send(Changed(job_id))

    def lives(self, job_id: str, live: Live | None) -> None:
        self._link.send(as_message(job_id, live))

    def cancelled(self, job_id: str) -> None:
        self._link.send(Cancelled(job_id))

    def submitted(self) -> None:
        self._link.send(Submitted())

    def ended(self) -> None:
        """A job has ended, or a delivery is due."""
        self._link.send(Ended())

    async def run(self) -> None:
        """Hear the others until the first process is gone."""
        async for message in self._link.messages():
            self._hear(message)

    def _hear(self, message: Message) -> None:
        match message:
            case Said() | Unsaid():
                self._engines.hear(message)
            case Cancelled(job_id):
                self._on_cancelled(job_id)
            case Submitted():
                self._on_submitted()
            case _:
                hear_of_job(self._feed, message)


def as_message(job_id: str, live: Live | None) -> Lives:
    """Where a job's audio grows, as it is sent."""
    if live is None:
        return Lives(job_id)
    return Lives(job_id, str(live.path), live.generation, live.response_format)


def hear_of_job(feed: JobFeed, message: Message) -> None:
    """Tell the feed what another process says of a job."""
    match message:
        case Watch(job_id, on):
            feed.watched_elsewhere(job_id, on)
        case Changed(job_id):
            feed.changed_elsewhere(job_id)
        case Lives(job_id, None):
            feed.lives_elsewhere(job_id, None)
        case Lives(job_id, str() as path, generation, response_format):
            feed.lives_elsewhere(job_id, Live(Path(path), generation, response_format))
