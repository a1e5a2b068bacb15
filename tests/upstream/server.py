"""The sockets of a local vendor."""

from __future__ import annotations

import asyncio
import http.client
import logging
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import parse_qsl

import httptools

from stentor.providers.faults import FaultKind
from upstream.faults import (
    REFUSALS,
    REPLACEMENTS,
    Delivery,
    Fault,
    Faults,
    Refusal,
    Replacement,
    deliver,
    replaced,
)
from upstream.sound import Tones
from upstream.values import Answer, Received, Vendor

DEADLINE_S = 20
# Until the client has seen what came before a reset, which takes away what it has not read.
BEFORE_RESET_S = 0.03
_LOG = logging.getLogger(__name__)


class Upstream:
    """A vendor that listens on a port of this machine.

    Attributes:
        url: without a slash at the end.
        received: every request, in order of arrival, while `keeps_requests`.
        requests: how many there were, by method.
        refusals: how the next requests are refused, one after the other; None: not at all.
        faults: what goes wrong with the next requests, one after the other, or with each request.
            An answer that is not a success by itself stays as it is.
        cut: bodies are sent in pieces of so many bytes.
        pieces, pace_s: how `slow` answers are sent.
        accepted: connections so far.
        open: connections now.
        abandoned: requests whose client went away before the end of the answer.
        answered: heads that were sent, by method and status.
        sent: bytes of bodies so far, as far as the system has taken them.
        blocked: answers that wait for their client to read.
    """

    def __init__(self, vendor: Vendor, *, threaded: bool = True) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.requests: Counter[str] = Counter()
        self.keeps_requests = True
        self.refusals: list[FaultKind | None] = []
        self.faults: list[Fault | None] | Faults = []
        self.cut: int | None = None
        self.pieces = 20
        self.pace_s = 0.01
        self.accepted = 0
        self.open = 0
        self.abandoned = 0
        self.answered: Counter[tuple[str, int]] = Counter()
        self.sent = 0
        self.blocked = 0
        self.connections: set[Connection] = set()
        self._vendor = vendor
        self._threaded = threaded
        self._sound = Tones()
        self._watchers: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that the attributes say is so."""
        if condition():
            return
        future = asyncio.get_running_loop().create_future()
        self._watchers.append((condition, future))
        async with asyncio.timeout(DEADLINE_S):
            await future

    def changed(self) -> None:
        """An attribute has another value."""
        for condition, future in self._watchers:
            if not future.done() and condition():
                future.set_result(None)
        self._watchers = [one for one in self._watchers if not one[1].done()]

    def next_fault(self, received: Received) -> Fault | None:
        """What goes wrong with this request."""
        if self.refusals and (refusal := self.refusals.pop(0)) is not None:
            return cast(Refusal, refusal)
        if callable(self.faults):
            return self.faults(received)
        return self.faults.pop(0) if self.faults else None

    async def answer(self, received: Received, fault: Fault | None) -> Answer:
        """The vendor's answer, or what comes instead."""
        if fault in REFUSALS:
            return self._vendor.refuse(cast(FaultKind, fault), received)
        try:
            if self._threaded:
                found = await asyncio.to_thread(self._vendor.answer, received, self._sound)
            else:
                found = self._vendor.answer(received, self._sound)
        except Exception as error:
            _LOG.exception("the local vendor failed")
            return Answer(500, {"content-type": "text/plain"}, [f"local: {error!r}".encode()])
        if found is None:
            return Answer(404, {"content-type": "text/plain"}, [b"no such path"])
        if fault in REPLACEMENTS and found.status < 300:
            return replaced(cast(Replacement, fault), found)
        return found


class Connection(asyncio.Protocol):
    """One client: its requests, one after the other. The callbacks `on_…` are the parser's."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._parser = httptools.HttpRequestParser(self)
        self._writable = asyncio.Event()
        self._writable.set()
        self._work: asyncio.Task[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._upstream.connections.add(self)
        self._upstream.accepted += 1
        self._upstream.open += 1
        self._upstream.changed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._upstream.connections.discard(self)
        self._upstream.open -= 1
        if not self._writable.is_set():
            self._upstream.blocked -= 1
        if self._work is not None and self.busy:
            self._upstream.abandoned += 1
            self._work.cancel()
        self._upstream.changed()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._writable.clear()
        self._upstream.blocked += 1
        self._upstream.changed()

    def resume_writing(self) -> None:
        self._writable.set()
        self._upstream.blocked -= 1
        self._upstream.changed()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        received = Received(
            self._parser.get_method().decode(),
            path,
            tuple(parse_qsl(query, keep_blank_values=True)),
            self._headers,
            b"".join(self._body),
        )
        self._begin()
        if self._upstream.keeps_requests:
            self._upstream.received.append(received)
        self._upstream.requests[received.method] += 1
        self._upstream.changed()
        self._work = asyncio.ensure_future(
            self._serve(received, stays=self._parser.should_keep_alive())
        )

    @property
    def busy(self) -> bool:
        """Whether a request has not been answered in full."""
        return self._work is not None and not self._work.done()

    def hang_up(self) -> None:
        """End the connection and whatever is being done for it."""
        if self._work is not None:
            self._work.cancel()
        self._transport.abort()

    async def _serve(self, received: Received, *, stays: bool) -> None:
        upstream = self._upstream
        fault = upstream.next_fault(received)
        if fault == "reset_before":
            return self._reset()
        if fault == "stall_before":
            await self._forever()
        answer = await upstream.answer(received, fault)
        delivery = deliver(
            answer,
            fault if answer.status < 300 else None,
            cut=upstream.cut,
            pieces=upstream.pieces,
        )
        self._transport.write(_head(answer, delivery.length))
        upstream.answered[received.method, answer.status] += 1
        upstream.changed()
        await self._send(delivery, upstream.pace_s if fault == "slow" else 0)
        if delivery.end == "stall":
            await self._forever()
        if delivery.end == "reset":
            await asyncio.sleep(BEFORE_RESET_S)
            return self._reset()
        if delivery.end == "close" or not stays:
            self._transport.close()

    async def _send(self, delivery: Delivery, pace_s: float) -> None:
        """All pieces, and the end of a chunked body."""
        upstream = self._upstream
        chunked = delivery.length is None
        for piece in delivery.pieces:
            await self._writable.wait()
            if not piece:
                continue
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            upstream.sent += len(piece)
            if pace_s or upstream.cut:
                await asyncio.sleep(pace_s)  # of 0 s: the client's turn to read
        if chunked and delivery.end == "whole":
            self._transport.write(b"0\r\n\r\n")
        await self._writable.wait()
        upstream.changed()

    async def _forever(self) -> None:
        await asyncio.get_running_loop().create_future()

    def _reset(self) -> None:
        self._transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self._transport.abort()


def _head(answer: Answer, length: int | None) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, 'Other')}"]
    framing = ("content-length", "transfer-encoding")
    lines += [f"{name}: {value}" for name, value in answer.headers.items() if name not in framing]
    lines += ["transfer-encoding: chunked" if length is None else f"content-length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@asynccontextmanager
async def running(
    vendor: Vendor, *, port: int = 0, threaded: bool = True, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Upstream]:
    """Serve until the block ends.

    Args:
        port: 0 takes any free one.
        threaded: answers are made in threads, so that making audio does not hold up the rest.
    """
    upstream = Upstream(vendor, threaded=threaded)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(upstream), "127.0.0.1", port, ssl=tls, backlog=2048
    )
    bound = server.sockets[0].getsockname()[1]
    upstream.url = f"{'https' if tls else 'http'}://127.0.0.1:{bound}"
    try:
        yield upstream
    finally:
        server.close()
        for connection in list(upstream.connections):
            connection.hang_up()
        await server.wait_closed()
