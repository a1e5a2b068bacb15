"""All engine processes, shared fairly between everything that wants to speak.

A *flow* is one piece of work, such as a job. Flows take turns, one utterance each, so a book
with a thousand utterances waiting does not hold up a sentence.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from dataclasses import dataclass

import structlog

from stentor.engines.base import EngineError, Spoken, Utterance
from stentor.engines.process import EngineCrashed, EngineProcess
from stentor.engines.worker import Hello

log = structlog.get_logger(__name__)

CRASHES_ALLOWED = 2


@dataclass(slots=True)
class _Waiting:
    utterance: Utterance
    flow: str
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
        self._flows: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        self._arrived = asyncio.Condition()
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
        for waiting in [one for flow in self._flows.values() for one in flow]:
            waiting.done.cancel()
        self._flows.clear()

    async def speak(self, utterance: Utterance, flow: str) -> Spoken:
        """Speak one utterance in the flow's turn. Cancelling gives up the place in the queue.

        Raises:
            EngineError: the engine cannot speak it, or crashed on it repeatedly.
        """
        waiting = _Waiting(utterance, flow, asyncio.get_running_loop().create_future())
        async with self._arrived:
            self._enqueue(waiting)
            self._arrived.notify()
        return await waiting.done

    def _enqueue(self, waiting: _Waiting, *, first: bool = False) -> None:
        flow = self._flows.setdefault(waiting.flow, deque())
        if first:
            flow.appendleft(waiting)
        else:
            flow.append(waiting)

    async def _next(self) -> _Waiting:
        async with self._arrived:
            while True:
                while self._flows:
                    name, queue = self._flows.popitem(last=False)
                    waiting = queue.popleft()
                    if queue:
                        self._flows[name] = queue
                    if not waiting.done.done():
                        return waiting
                await self._arrived.wait()

    async def _serve(self, process: EngineProcess, warm: bool) -> None:
        if warm:
            with contextlib.suppress(EngineCrashed):
                await process.start()
        while True:
            waiting = await self._next()
            try:
                async with asyncio.timeout(self._timeout_s):
                    spoken = await process.speak(waiting.utterance)
            except EngineCrashed as error:
                await self._after_crash(waiting, str(error))
            except TimeoutError:
                await process.kill()
                await self._after_crash(waiting, f"no answer within {self._timeout_s:g} s")
            except EngineError as error:
                if not waiting.done.done():
                    waiting.done.set_exception(error)
            except asyncio.CancelledError:
                waiting.done.cancel()
                raise
            except Exception as error:
                # Whatever it was, this engine serves on, and nobody waits forever.
                await process.kill()
                await self._after_crash(waiting, f"{type(error).__name__}: {error}")
            else:
                if not waiting.done.done():
                    waiting.done.set_result(spoken)

    async def _after_crash(self, waiting: _Waiting, reason: str) -> None:
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
        async with self._arrived:
            self._enqueue(waiting, first=True)
            self._arrived.notify()
