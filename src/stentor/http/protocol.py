"""HTTP/1.1 on a connection: uvicorn's, with the one error shape and a limit on slow requests."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stentor.errors import SpeechError
from stentor.http.streaming import HUNG_UP, HungUp

# What waits for the others; more of it goes at once, so that the writer learns to wait.
CORKED_BYTES = 64 * 1024


class _Corked:
    """A transport that writes once a turn of the event loop: a head and its body go together.

    Each write is a system call, and on a short answer those were a fifth of the time.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self._size += len(data)
        if self._size >= CORKED_BYTES:
            self.flush()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def drop(self) -> None:
        """Forget what is held back: nobody is left to read it."""
        self._held, self._size = [], 0

    def uncorked(self) -> asyncio.Transport:
        """The transport itself, with nothing held back."""
        self.flush()
        return self._transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def flush(self) -> None:
        """Write what is held back."""
        held, self._held, self._size = self._held, [], 0
        if held:
            self._transport.writelines(held)


class HttpProtocol(HttpToolsProtocol):
    """Refuses what is not HTTP, and what does not arrive in time, in the one error shape.

    Args:
        request_timeout_s: how long a request may take from its first byte to its last.
    """

    def __init__(self, *args: Any, request_timeout_s: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request_timeout_s = request_timeout_s
        self._arriving = False
        self._with_headers = False
        self._timer: asyncio.TimerHandle | None = None
        self._hung_up = HungUp()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = _Corked(transport, self.loop)  # type: ignore[assignment]

    def send_400_response(self, msg: str) -> None:
        self._refuse(
            b"400 Bad Request",
            SpeechError(400, "invalid_http", f"the request is not valid HTTP: {msg}"),
        )

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._arriving and self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(self._request_timeout_s, self._too_slow)

    def on_message_begin(self) -> None:
        self._arriving = True
        self._with_headers = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # Before the request's task is made, which may look for it.
        self.scope[HUNG_UP] = self._hung_up  # type: ignore[literal-required]
        super().on_headers_complete()
        self._with_headers = True

    def on_message_complete(self) -> None:
        self._arriving = False
        self._stop_timer()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        # From here on, another protocol has the connection, and sends audio in pieces of its own.
        self._arriving = False
        self._stop_timer()
        if isinstance(self.transport, _Corked):
            self.transport = self.transport.uncorked()
        super().handle_websocket_upgrade()

    def on_response_complete(self) -> None:
        # There is nothing more to wait for.
        if isinstance(self.transport, _Corked):
            self.transport.flush()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._hung_up.tell()
        if isinstance(self.transport, _Corked):
            self.transport.drop()
        super().connection_lost(exc)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._may_write():
            self._refuse(
                b"408 Request Timeout",
                SpeechError(
                    408,
                    "request_timeout",
                    f"the request did not arrive within {self._request_timeout_s:g} seconds "
                    "([server] body_timeout_seconds)",
                ),
            )
        else:
            self.transport.close()

    def _may_write(self) -> bool:
        """Whether no answer is being written, to this request or to one before it."""
        if self._with_headers:
            return not self.cycle.response_started and not self.pipeline
        return self.cycle is None or self.cycle.response_complete

    def _refuse(self, status: bytes, error: SpeechError) -> None:
        body = msgspec.json.encode(error.response())
        self.transport.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body
        )
        self.transport.close()
