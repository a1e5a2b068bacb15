"""Waiting for what cannot be interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def shielded(work: Awaitable[T]) -> T:
    """Await work that cannot be stopped halfway, such as a call in a thread.

    A cancelled caller waits until it is done, and is cancelled then.
    """
    called = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(called)
    except asyncio.CancelledError:
        while not called.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([called])
        if not called.cancelled():
            called.exception()  # nobody is left to hear it
        raise
