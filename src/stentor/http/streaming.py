"""Answers that take their time, and clients that do not wait for the end of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from stentor.http.failures import log_unforeseen

T = TypeVar("T")

EVENT_STREAM = "text/event-stream"


def growing_headers(content_type: str) -> dict[str, str]:
    """The headers of a body that grows while it is sent: nobody on the way should hold it back."""
    headers = {
        "Content-Type": content_type,
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    if content_type != EVENT_STREAM:
        headers["Accept-Ranges"] = "none"
    return headers


class Cut(Exception):
    """The rest of the body cannot be had; the client must see that it is not complete."""


class Sending:
    """A response in the making.

    Each call returns when the client has taken what came before it, but for a buffer of the
    server's; so a body is made no faster than it is read.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self.started = False

    async def start(self, headers: Mapping[str, str], status: int = 200) -> None:
        """Send status and headers; the body is chunked unless they tell its length.

        Raises:
            Cut: the request was a HEAD, and this was all that it asked for.
        """
        self.started = True
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})
        if self._scope["method"] == "HEAD":
            await self.end()
            raise Cut

    async def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """Say that the body is complete."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def instead(self, response: ASGIApp) -> None:
        """Send a response that is made already."""
        self.started = True
        await response(self._scope, self._receive, self._send)


def streamed(make: Callable[[Sending], Coroutine[Any, Any, None]]) -> ASGIApp:
    """A response that `make` makes while it is sent; it is cancelled when the client hangs up.

    An exception before its start is answered as any other. After that, the response is left
    without an end, for which the server cuts the connection.
    """

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        sending = Sending(scope, receive, send)
        with suppress(ClientDisconnect, Cut):
            try:
                await unless_gone(receive, make(sending))
            except (ClientDisconnect, Cut):
                raise
            except Exception as error:
                if not sending.started:
                    raise
                log_unforeseen(error, scope["path"])

    return respond


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work, which is cancelled when the client hangs up.

    Raises:
        ClientDisconnect: it did.
    """
    working = asyncio.current_task()
    assert working is not None
    watch = _Watch(receive, working)
    leaving = asyncio.create_task(watch.run())
    try:
        return await work
    except asyncio.CancelledError:
        if watch.gone and working.uncancel() == 0:
            raise ClientDisconnect from None
        raise
    finally:
        leaving.cancel()


class _Watch:
    """Cancels a task when the client hangs up: one task less than to race the two."""

    def __init__(self, receive: Receive, working: asyncio.Task[Any]) -> None:
        self._receive = receive
        self._working = working
        self.gone = False

    async def run(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self._working.cancel()
