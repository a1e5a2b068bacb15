"""How much a provider is asked at once and in a minute; what is too much waits."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from stentor.engines.base import Flow
from stentor.engines.turns import Turns

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

MINUTE_S = 60.0
BURSTS_A_MINUTE = 10


class Places:
    """So many at once; those who wait take turns, callers first (`stentor.engines.turns`).

    Attributes:
        size: how many places there are.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._free = size
        self._waiting: Turns[asyncio.Future[None]] = Turns()

    async def enter(self, flow: Flow) -> None:
        """Wait for a place and take it; whoever has one must `leave`."""
        if self._free > 0:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.push(flow, place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()
            else:
                self._waiting.discard(flow, place)
            raise

    def leave(self) -> None:
        """Give the place to who waits for one."""
        while self._waiting:
            place = self._waiting.pop()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1


class Rates:
    """So many requests and characters a minute, first come first served.

    After a rest, a tenth of a minute's worth goes at once; after that, a steady trickle.

    Args:
        requests, characters: per minute; 0 for no limit.
    """

    def __init__(self, requests: int, characters: int) -> None:
        self._requests = _limiter(requests)
        self._characters = _limiter(characters)
        # A limiter by itself lets the small ones go first.
        self._turn = asyncio.Lock()

    async def wait(self, characters: int) -> None:
        """Wait until a call with so many characters is within the limits."""
        if self._requests is None and self._characters is None:
            return
        async with self._turn:
            if self._requests is not None:
                await self._requests.acquire()
            while self._characters is not None and characters > 0:
                some = min(characters, self._characters.max_rate)
                await self._characters.acquire(some)
                characters -= math.ceil(some)


def _limiter(per_minute: int) -> AsyncLimiter | None:
    if per_minute <= 0:
        return None
    from aiolimiter import AsyncLimiter

    at_once = max(1.0, per_minute / BURSTS_A_MINUTE)
    return AsyncLimiter(at_once, MINUTE_S * at_once / per_minute)
