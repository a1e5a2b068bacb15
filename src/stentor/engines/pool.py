"""All engine processes, shared fairly between everything that wants to speak.

Callers take turns, one utterance each, and so do a caller's jobs of one priority: a book with a
thousand utterances waiting does not hold up a sentence, nor do one caller's thirty books hold up
another caller (`stentor.engines.turns`).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import structlog

from stentor.engines.base import EngineError, Flow, Spoken, Utterance
from stentor.engines.process import EngineCrashed, EngineNotStarted, EngineProcess
from stentor.engines.turns import Turns
from stentor.engines.worker import Hello

log = structlog.get_logger(__name__)

CRASHES_ALLOWED = 2
START_PAUSE_S = 1.0


@dataclass(slots=True, eq=False)
class _Waiting:
    utterance: Utterance
    flow: Flow
    done: asyncio.Future[Spoken]
    crashes: int = 0


class EnginePool:
    """Engine processes behind one fair queue.

    Args:
        hello: what each process is told at its start.
        size: how many processes.
        timeout_s: an utterance that takes longer is taken for a hang: its process is killed.
    """

    def __init__(self, hello: Hello, size: int, timeout_s: float) -> None:
        self._processes = [EngineProcess(hello) for _ in range(size)]
        self._timeout_s = timeout_s
        self._turns: Turns[_Waiting] = Turns()
        self._arrived = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def size(self) -> int:
        """How many utterances can be spoken at once."""
        return len(self._processes)

    @property
    def pids(self) -> list[int]:
        """The running processes' ids."""
        return [process.pid for process in self._processes if process.pid is not None]

    def start(self, *, warm: bool) -> None:
        """Begin to serve. With `warm`, processes start now rather than at the first utterance."""
        self._tasks = [
            asyncio.create_task(self._serve(process, warm), name=f"engine-{number}")
            for number, process in enumerate(self._processes)
        ]

    async def close(self) -> None:
        """Kill every process; utterances that wait are cancelled."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(process.kill() for process in self._processes))
        while self._turns:
            self._turns.pop().done.cancel()

    async def speak(self, utterance: Utterance, flow: Flow) -> Spoken:
        """Speak one utterance in the flow's turn.

        Cancelling gives up the place in the queue. An utterance that is being spoken already is
        spoken to its end, for nobody: that frees the engine sooner than a new process would.

        Raises:
            EngineError: the engine cannot speak it, or crashed on it repeatedly.
        """
        waiting = _Waiting(utterance, flow, asyncio.get_running_loop().create_future())
        self._turns.push(flow, waiting)
        self._arrived.set()
        try:
            return await waiting.done
        finally:
            self._turns.discard(flow, waiting)

    async def _next(self) -> _Waiting:
        while True:
            while self._turns:
                waiting = self._turns.pop()
                if not waiting.done.done():
                    return waiting
            self._arrived.clear()
            await self._arrived.wait()

    async def _serve(self, process: EngineProcess, warm: bool) -> None:
        if warm:
            with contextlib.suppress(EngineNotStarted):
                await process.start()
        while True:
            waiting = await self._next()
            try:
                async with asyncio.timeout(self._timeout_s):
                    spoken = await process.speak(waiting.utterance)
            except EngineNotStarted as error:
                # A system without memory, say. Whoever waits would fail at once, one by one.
                log.warning("engine.not_started", reason=str(error))
                self._put_back(waiting)
                await asyncio.sleep(START_PAUSE_S)
            except EngineCrashed as error:
                self._after_crash(waiting, str(error))
            except TimeoutError:
                await process.kill()
                self._after_crash(waiting, f"no answer within {self._timeout_s:g} s")
            except EngineError as error:
                if not waiting.done.done():
                    waiting.done.set_exception(error)
            except asyncio.CancelledError:
                waiting.done.cancel()
                raise
            except Exception as error:
                # Whatever it was, this engine serves on, and nobody waits forever.
                await process.kill()
                self._after_crash(waiting, f"{type(error).__name__}: {error}")
            else:
                if not waiting.done.done():
                    waiting.done.set_result(spoken)

    def _after_crash(self, waiting: _Waiting, reason: str) -> None:
        waiting.crashes += 1
        log.warning("engine.crashed", reason=reason, crashes=waiting.crashes)
        if waiting.done.done():
            return
        if waiting.crashes > CRASHES_ALLOWED:
            waiting.done.set_exception(
                EngineError(
                    "engine_failed",
                    f"the engine failed {waiting.crashes} times on this text: {reason}",
                )
            )
            return
        self._put_back(waiting)

    def _put_back(self, waiting: _Waiting) -> None:
        if not waiting.done.done():
            self._turns.put_back(waiting.flow, waiting)
            self._arrived.set()
