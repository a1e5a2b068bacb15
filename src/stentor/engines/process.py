"""One engine process, as seen from the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import msgspec

from stentor.engines.base import EngineError, Spoken, Utterance
from stentor.engines.worker import LENGTH_BYTES, Failure, Hello, Reply, Success, frame


class EngineCrashed(Exception):
    """The engine process ended while it had an utterance."""


class EngineNotStarted(Exception):
    """The operating system refused to start the engine process; no utterance is at fault."""


class EngineProcess:
    """Speaks one utterance at a time in a child process that it starts when needed."""

    def __init__(self, hello: Hello) -> None:
        self._hello = hello
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the child if it is not running.

        Raises:
            EngineNotStarted: the operating system refused.
        """
        if self._process is not None and self._process.returncode is None:
            return
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "stentor.engines.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise EngineNotStarted(f"the engine process cannot be started: {error}") from error
        assert self._process.stdin is not None
        self._process.stdin.write(frame(self._hello))

    async def speak(self, utterance: Utterance) -> Spoken:
        """Speak one utterance; calls must not overlap.

        Raises:
            EngineError: the engine answered that it cannot.
            EngineCrashed: the process ended before it answered. The next call starts another.
            EngineNotStarted: there is none, and the operating system refused to start one.
        """
        await self.start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(frame(utterance))
            await process.stdin.drain()
            head = await process.stdout.readexactly(LENGTH_BYTES)
            body = await process.stdout.readexactly(int.from_bytes(head, "little"))
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            self._process = None
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            code = await process.wait()
            raise EngineCrashed(f"the engine process ended with code {code}") from error
        reply: Reply = msgspec.msgpack.decode(body, type=Success | Failure)
        if isinstance(reply, Failure):
            raise EngineError(reply.code, reply.message)
        return reply.spoken

    async def kill(self) -> None:
        """End the child at once and reap it; safe to call at any time."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
