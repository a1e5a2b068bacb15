"""Waiting for what cannot be interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def shielded(work: Awaitable[T], stop: Callable[[], None] | None = None) -> T:
    """Await work that cannot be stopped halfway, such as a call in a thread.

    A cancelled caller waits until it is done, and is cancelled then.

    Args:
        stop: called when the caller is cancelled, to bring the end nearer.
    """
    called = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(called)
    except asyncio.CancelledError:
        if stop is not None:
            stop()
        while not called.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([called])
        if not called.cancelled():
            called.exception()  # nobody is left to hear it
        raise
