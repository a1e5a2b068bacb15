"""HTTP/1.1 on a connection: uvicorn's, with the one error shape and a limit on slow requests."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stentor.errors import SpeechError


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
        super().on_headers_complete()
        self._with_headers = True

    def on_message_complete(self) -> None:
        self._arriving = False
        self._stop_timer()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        # From here on, another protocol has the connection.
        self._arriving = False
        self._stop_timer()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
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
