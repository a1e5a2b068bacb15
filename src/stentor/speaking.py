"""Speaking for who waits for it: nothing of it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uuid_utils

from stentor.contract import Progress
from stentor.engines.base import Flow
from stentor.engines.speaker import Engines
from stentor.jobs.feed import JobFeed, Live
from stentor.routing.attempts import AttemptLog
from stentor.routing.caller import Caller, Order
from stentor.routing.takes import FileSink, Take
from stentor.routing.targets import RemoteTarget, Target
from stentor.shielded import shielded
from stentor.synthesis.direct import DirectSpeaker
from stentor.synthesis.files import remove_all
from stentor.synthesis.passing import Passing, Write
from stentor.synthesis.relay import Remainder, relay
from stentor.synthesis.render import Synthesizer
from stentor.synthesis.timeline import Told
from stentor.synthesis.values import Rendered, Speech
from stentor.synthesis.voices import Rules


class Underway:
    """A rendering that somebody listens to.

    Attributes:
        id: by which the feed tells of it, as it does of jobs.
        log: what was tried so far.
        task: the rendering; `SpeechError` when it failed.
        heard: whether bytes have left the server. To be set before they do: from then on, no
            vendor is asked anew, nor another target.
        target: who speaks, or would if nothing has been heard yet.
        told: what was said so far, and when, where timings are wanted; in the order of the text.
        broken: whether the rendering was stopped because what was heard has no continuation.
    """

    task: asyncio.Task[Rendered]

    def __init__(self, id_: str, speech: Speech, feed: JobFeed, log: AttemptLog) -> None:
        self.id = id_
        self.log = log
        self.target: Target = speech.targets[0]
        self.heard = False
        self.told: list[Told] = []
        self.broken = False
        self._format = speech.response_format
        self._feed = feed

    def on_target(self, target: Target) -> None:
        self.target = target

    def on_audio(self, path: Path, generation: int) -> None:
        self._feed.set_live(self.id, Live(path, generation, self._format))

    def on_abort(self) -> None:
        self.told.clear()
        self._feed.set_live(self.id, None)
        if self.heard:
            # If there is nothing left to try, it ends with its own error all the same.
            self.broken = True
            self.task.cancel()

    def on_progress(self, progress: Progress) -> None:
        self._feed.notify(self.id)

    def on_growth(self) -> None:
        self._feed.notify(self.id)


class Speaking:
    """Renders requests into the spool, for as long as somebody listens.

    Args:
        feed: tells where the audio grows.
        spool: folder for files being made; what a crash leaves there is swept at the next start.

    Attributes:
        spool: this process's.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        engines: Engines,
        caller: Caller,
        rules: Rules,
        feed: JobFeed,
        spool: Path,
    ) -> None:
        self._synthesizer = synthesizer
        self._rules = rules
        self._engines = engines
        self._caller = caller
        self._feed = feed
        self.spool = spool
        self._tasks: set[asyncio.Task[Any]] = set()

    async def relay(
        self, speech: Speech, flow: Flow, log: AttemptLog, write: Write
    ) -> Remainder | None:
        """Pass on a vendor's bytes as they come, if that is all there is to do; None if it was.

        Args:
            log: where the attempts are told.
            write: passes on the next bytes.

        Raises:
            SpeechError: no target could speak it, and none is left.
            Broken: it broke off after some of it had been passed on.
        """
        if not isinstance(speech.targets[0], RemoteTarget):
            return Remainder(speech)
        for attempt in speech.skipped:
            log.add(attempt)
        speaker = DirectSpeaker(self._engines, self._caller, flow, self.spool)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)

        async def make_sink(order: Order) -> Passing:
            def make_file() -> FileSink:
                return FileSink(self.spool / f"{flow.job}.{uuid_utils.uuid4().hex}", order.script)

            return Passing(speech.response_format, order.script, write, make_file)

        try:
            done = await relay(
                speech, self._caller, speaker, self._rules, log, self.spool, make_sink
            )
            return done if isinstance(done, Remainder) else None
        finally:
            self._tasks.discard(task)

    @asynccontextmanager
    async def speak(
        self,
        speech: Speech,
        flow: Flow,
        log: AttemptLog | None = None,
        there: Take | None = None,
        *,
        hurried: bool = True,
    ) -> AsyncIterator[Underway]:
        """Render while the block runs; at its end the rendering is stopped and its files removed.

        Args:
            flow: its `job` must not be that of any job.
            log: where the attempts are told; a new one if left out.
            there: what the first target spoke already, of its one call.
            hurried: whether somebody waits for the first sound, rather than for all of it.
        """
        log = AttemptLog() if log is None else log
        underway = Underway(flow.job, speech, self._feed, log)
        path = self.spool / flow.job
        speaker = DirectSpeaker(self._engines, self._caller, flow, self.spool, underway, there)
        task = underway.task = asyncio.create_task(
            self._synthesizer.render(
                speech,
                path,
                speaker=speaker,
                listener=underway,
                log=underway.log,
                hurried=hurried,
                on_told=underway.told.append if speech.request.with_timestamps else None,
                on_target=underway.on_target,
            ),
            name=flow.job,
        )
        self._feed.set_here(flow.job, True)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._feed.notify(flow.job))
        try:
            yield underway
        finally:
            task.cancel()
            await shielded(self._tidy_up(task, flow.job, path))

    async def _tidy_up(self, task: asyncio.Task[Rendered], id_: str, path: Path) -> None:
        await asyncio.gather(task, return_exceptions=True)
        self._feed.set_live(id_, None)
        self._feed.set_here(id_, False)
        await asyncio.to_thread(remove_all, path)

    async def drain(self, timeout_s: float) -> None:
        """Wait until what is being rendered has ended or the time is up."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)

    async def close(self) -> None:
        """Stop what is still being rendered."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
