"""The side of the first process: it lends its engines, and passes on what the others say."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable
from contextlib import suppress

from stentor.engines.base import EngineError
from stentor.engines.speaker import Engines
from stentor.jobs.feed import JobFeed, Live
from stentor.processes.link import Link
from stentor.processes.member import as_message, hear_of_job
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


class Hub:
    """The first process among the others.

    Args:
        on_cancelled: hears that a job has ended in the store.
        on_submitted: hears that a job waits.
        on_ended: hears that a job has ended in another process, or that a delivery is due.
    """

    def __init__(
        self,
        feed: JobFeed,
        engines: Engines,
        *,
        on_cancelled: Callable[[str], None],
        on_submitted: Callable[[], None],
        on_ended: Callable[[], None],
    ) -> None:
        self._feed = feed
        self._engines = engines
        self._on_cancelled = on_cancelled
        self._on_submitted = on_submitted
        self._on_ended = on_ended
        self._members: set[Link] = set()
        # Who watches which job; None is this process.
        self._watching: dict[str, set[Link | None]] = {}

    def watch(self, job_id: str, on: bool) -> None:
        self._note(None, Watch(job_id, on))

    def changed(self, job_id: str) -> None:
        self._pass_on(None, Changed(job_id), self._watching.get(job_id, ()))

    def lives(self, job_id: str, live: Live | None) -> None:
        self._pass_on(None, as_message(job_id, live), self._watching.get(job_id, ()))

    def cancelled(self, job_id: str) -> None:
        self._pass_on(None, Cancelled(job_id), self._members)

    def submitted(self) -> None:
        self._pass_on(None, Submitted(), self._members)

    async def serve(self, link: Link) -> None:
        """Serve a process until it is gone; then nobody there watches or waits any more."""
        speaking: dict[int, asyncio.Task[None]] = {}
        self._members.add(link)
        try:
            for job_id, watching in self._watching.items():
                for _ in watching:
                    # Each of them will say by itself that it does so no more.
                    link.send(Watch(job_id, on=True))
            async for message in link.messages():
                match message:
                    case Speak(number):
                        task = asyncio.create_task(self._speak(link, message))
                        speaking[number] = task
                        task.add_done_callback(functools.partial(_forget, speaking, number))
                    case GiveUp(number):
                        if (task := speaking.get(number)) is not None:  # type: ignore[assignment]
                            task.cancel()
                    case _:
                        self._hear(link, message)
        finally:
            self._members.discard(link)
            for job_id in [one for one, who in self._watching.items() if link in who]:
                self._note(link, Watch(job_id, on=False))
            tasks = list(speaking.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(OSError):
                link.close()

    async def _speak(self, link: Link, order: Speak) -> None:
        try:
            spoken = await self._engines.speak(order.utterance, order.flow)
        except EngineError as error:
            link.send(Unsaid(order.number, error.code, error.message))
        else:
            link.send(Said(order.number, spoken))
            await link.drained()

    def _hear(self, link: Link, message: Message) -> None:
        match message:
            case Watch():
                self._note(link, message)
            case Cancelled(job_id):
                self._on_cancelled(job_id)
                self._pass_on(link, message, self._members)
            case Submitted():
                self._on_submitted()
                self._pass_on(link, message, self._members)
            case Ended():
                self._on_ended()
            case Changed(job_id) | Lives(job_id):
                watching = self._watching.get(job_id, ())
                if None in watching:
                    hear_of_job(self._feed, message)
                self._pass_on(link, message, watching)

    def _note(self, link: Link | None, message: Watch) -> None:
        watching = self._watching.setdefault(message.job_id, set())
        (watching.add if message.on else watching.discard)(link)
        if not watching:
            del self._watching[message.job_id]
        if link is not None:
            self._feed.watched_elsewhere(message.job_id, message.on)
        self._pass_on(link, message, self._members)

    @staticmethod
    def _pass_on(sender: Link | None, message: Message, receivers: Iterable[Link | None]) -> None:
        for link in receivers:
            if link is not None and link is not sender:
                link.send(message)


def _forget(speaking: dict[int, asyncio.Task[None]], number: int, _: asyncio.Task[None]) -> None:
    speaking.pop(number, None)
