"""Answers that take their time, and clients that do not wait for the end of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from stentor.http.failures import log_unforeseen

T = TypeVar("T")

HUNG_UP = "stentor.hung_up"
"""Where a request's scope has its `HungUp`, if the server tells."""

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


class HungUp:
    """Tells who works on requests of a connection that it is gone.

    One request may still be tidied up after when the next one is worked on already.

    Attributes:
        gone: whether it is.
    """

    def __init__(self) -> None:
        self.gone = False
        self._hearing: dict[object, Callable[[], None]] = {}

    @contextmanager
    def heard(self, callback: Callable[[], None]) -> Iterator[None]:
        """Have this called if the connection goes before the block's end."""
        key = object()
        self._hearing[key] = callback
        try:
            yield
        finally:
            del self._hearing[key]

    def tell(self) -> None:
        """The connection is gone."""
        self.gone = True
        for callback in list(self._hearing.values()):
            callback()


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
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        self.started = True
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
                await unless_gone(scope, receive, make(sending))
            except (ClientDisconnect, Cut):
                raise
            except Exception as error:
                if not sending.started:
                    raise
                log_unforeseen(error, scope["path"])

    return respond


async def unless_gone(scope: Scope, receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work, which is cancelled when the client hangs up.

    Raises:
        ClientDisconnect: it did.
    """
    hung_up: HungUp | None = scope.get(HUNG_UP)
    if hung_up is not None and hung_up.gone:
        work.close()
        raise ClientDisconnect
    working = asyncio.current_task()
    assert working is not None
    gone = False

    def hang_up() -> None:
        nonlocal gone
        gone = True
        working.cancel()

    with _told(hung_up, receive, hang_up):
        try:
            return await work
        except asyncio.CancelledError:
            if gone and working.uncancel() == 0:
                raise ClientDisconnect from None
            raise


@contextmanager
def _told(hung_up: HungUp | None, receive: Receive, hang_up: Callable[[], None]) -> Iterator[None]:
    """Have `hang_up` called when the client goes away before the block's end."""
    if hung_up is not None:
        with hung_up.heard(hang_up):
            yield
        return
    # A server that does not tell of itself is asked, which takes a task for each request.
    leaving = asyncio.create_task(_gone(receive))
    leaving.add_done_callback(lambda done: None if done.cancelled() else hang_up())
    try:
        yield
    finally:
        leaving.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
