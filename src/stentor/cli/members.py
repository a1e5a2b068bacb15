"""The server processes besides the first: started, started anew when one ends, and stopped."""

from __future__ import annotations

import asyncio
import pickle
import signal
import socket
import sys
from contextlib import suppress
from typing import NamedTuple

import structlog

from stentor.config import Config
from stentor.gateway import Gateway, spool_folder, worker_name
from stentor.jobs.work import suspects
from stentor.processes.hub import Hub
from stentor.processes.link import Link

log = structlog.get_logger(__name__)

# After the end of a process that did not live long.
PAUSE_S = 1.0


class Orders(NamedTuple):
    """What a process is told (`stentor.cli.member`).

    Attributes:
        name: who holds its leases.
        number: of the process, from 1.
        listening, link: descriptors of the socket that all of them listen on, and of that to the
            first process.
    """

    config: Config
    name: str
    number: int
    listening: int
    link: int


class Members:
    """The processes that share a server's socket with it.

    Args:
        bound: listens.
        stop_s: how long they may take to end.
    """

    def __init__(
        self, config: Config, gateway: Gateway, bound: socket.socket, *, stop_s: float
    ) -> None:
        self._config = config
        self._gateway = gateway
        self._bound = bound
        self._stop_s = stop_s
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._hub = Hub(
            gateway.feed,
            gateway.voices.engines,
            on_cancelled=gateway.runner.stop,
            on_submitted=gateway.runner.wake,
            on_ended=gateway.on_end,
        )

    @property
    def pids(self) -> list[int]:
        """The running processes' ids."""
        return [one.pid for one in self._processes.values()]

    def start(self) -> None:
        """Start as many as the configuration says, less the first."""
        count = self._config.server.processes - 1
        if count == 0:
            return
        self._gateway.feed.peers = self._hub
        self._tasks = [
            asyncio.create_task(self._keep_up(number), name=f"member-{number}")
            for number in range(1, count + 1)
        ]

    async def stop(self) -> None:
        """Let all of them end what they do, and return once they have ended."""
        self._stopping = True
        self._signal(signal.SIGTERM)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._stop_s)
        await self.kill()

    async def kill(self) -> None:
        """End all of them at once."""
        self._stopping = True
        self._signal(signal.SIGKILL)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep_up(self, number: int) -> None:
        while not self._stopping:
            name, code = worker_name(number), None
            try:
                code = await self._run(number, name)
            except Exception:
                log.exception("process.not_started", number=number)
            try:
                await self._take_over(number, name)
            except Exception:
                # Once the leases have run out, the jobs are taken all the same.
                log.exception("jobs.not_taken_over", number=number)
            if not self._stopping:
                log.error("process.ended", number=number, code=code)
                await asyncio.sleep(PAUSE_S)

    async def _run(self, number: int, name: str) -> int:
        ours, theirs = socket.socketpair()
        descriptors = (self._bound.fileno(), theirs.fileno())
        orders = Orders(self._config, name, number, *descriptors)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "stentor.cli.member",
                str(number),  # for who looks at the list of processes
                stdin=asyncio.subprocess.PIPE,
                pass_fds=descriptors,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._processes[number] = process
        try:
            assert process.stdin is not None
            process.stdin.write(pickle.dumps(orders))
            process.stdin.close()
            if self._stopping:
                # It was not there yet when all were told.
                process.terminate()
            await self._hub.serve(await Link.over(ours))
            return await process.wait()
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            del self._processes[number]

    async def _take_over(self, number: int, name: str) -> None:
        """Give back to the queue what a process had when it ended."""
        spool = spool_folder(self._config.data_dir, number)
        left = await asyncio.to_thread(suspects, spool)
        released = await self._gateway.store.abandon(
            name, left, error="the server process stopped while it ran the job"
        )
        if released:
            log.info("jobs.taken_up_again", jobs=released)
            self._gateway.runner.wake()
