"""An event loop whose time jumps to the next timer when nothing else is left to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
# Floats come to nearly the moment of a timer, and then time has to go on.
_TICK_S = 1e-6


class _Selector(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everybody waits for something that will never come"
        self.now += max(timeout, _TICK_S)
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumps = _Selector()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.now


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, in no time. `loop.time()` tells the time that it would have taken."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)


async def settle() -> None:
    """Let everybody do what they can do now."""
    for _ in range(10):
        await asyncio.sleep(0)


def now() -> float:
    return asyncio.get_running_loop().time()
