"""Sending an adapter's call, as tests of adapters do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from stentor.providers.base import Provider, Script
from stentor.providers.wire import Delivered, Head, HttpCall
from stentor.secret import Secret
from upstream.parity import differences
from upstream.server import Upstream

KEY = Secret("key-of-a-test-0123456789")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def send(call: HttpCall) -> tuple[Head, bytes]:
    """The whole answer to a call."""
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        answer = await client.request(
            call.method, call.url, headers=call.headers, content=call.body, timeout=30
        )
    return Head(answer.status_code, dict(answer.headers)), answer.content


async def spoken(provider: Provider, script: Script, *, cut: int = 1000) -> tuple[bytes, Delivered]:
    """The audio and the rest of what a script's call answers with, read in pieces of `cut` bytes.

    Raises:
        ProviderError: as the provider understands the answer.
    """
    head, body = await send(provider.request(script, KEY, NOW))
    if head.status >= 300:
        raise provider.error(head, body)
    reader = provider.response(script, head)
    audio = b"".join(reader.feed(body[at : at + cut]) for at in range(0, len(body), cut))
    delivered = reader.finish()
    return audio + delivered.audio, delivered


async def against_sdk(
    upstream: Upstream, sdk: Callable[[], Any], call: HttpCall
) -> dict[str, tuple[Any, Any]]:
    """What differs between the last request that the SDK makes and the call (see `differences`).

    Args:
        sdk: called in a thread; its answer is of no interest, its exceptions are.
    """
    upstream.received.clear()
    await asyncio.to_thread(sdk)
    theirs = upstream.received[-1]
    await send(call)
    return differences(theirs, upstream.received[-1])
