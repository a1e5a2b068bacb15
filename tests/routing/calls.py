"""Vendors of little skill, and calls to them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import cast

import pytest

from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.wire import HttpCall
from stentor.routing.transport import Timeouts, Transport
from upstream.faults import PAGE
from upstream.values import Answer, Received, Sound, Vendor

SECRET = "secret-of-a-test-0123456789"
HEADERS = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
BODY = bytes(range(256)) * 40
HALF = BODY[: len(BODY) // 2]
TIMEOUTS = Timeouts()


def vendor(answer: Callable[[], Answer]) -> Vendor:
    """One that always answers like this, and refuses with a page."""

    def answers(received: Received, sound: Sound) -> Answer:
        return answer()

    def refuse(kind: FaultKind, received: Received) -> Answer:
        return Answer(500, {"content-type": "text/html"}, [PAGE])

    return cast(Vendor, SimpleNamespace(answer=answers, refuse=refuse))


MEASURED = vendor(lambda: Answer(200, {"Content-Type": "audio/mpeg"}, [BODY]))
CHUNKED = vendor(lambda: Answer(200, {"Content-Type": "audio/mpeg"}, [BODY[:700], BODY[700:]]))


def call(url: str, **changes: object) -> HttpCall:
    fields = {"method": "POST", "headers": HEADERS, "body": b"{}"} | changes
    return HttpCall(url=f"{url}/speech?key={SECRET}", **fields)  # type: ignore[arg-type]


async def whole(transport: Transport, to: HttpCall, timeouts: Timeouts = TIMEOUTS) -> bytes:
    async with transport.send(to, timeouts) as answering:
        return b"".join([piece async for piece in answering.chunks()])


async def failing(
    transport: Transport, url: str, timeouts: Timeouts = TIMEOUTS, **changes: object
) -> ProviderError:
    """The failure of a call, which must keep the secrets to itself."""
    with pytest.raises(ProviderError) as caught:
        await whole(transport, call(url, **changes), timeouts)
    assert caught.value.message and SECRET not in caught.value.message
    assert caught.value.__suppress_context__, "the cause has the URL, and would be logged"
    return caught.value


class Scripted:
    """A server that says this to each client, whatever it is asked, and closes.

    Attributes:
        asked: what the clients sent.
        goes_on: what is waited for before the connection is reset; None: it is not reset.
    """

    def __init__(self, *said: bytes, goes_on: asyncio.Event | None = None) -> None:
        self.asked: list[bytes] = []
        self.goes_on = goes_on
        self._said = said

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        for one in self._said:
            writer.write(one)
            await asyncio.sleep(0)
        if self.goes_on is not None:
            await self.goes_on.wait()
            peer = writer.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Yields the URL."""
        server = await asyncio.start_server(self._accept, "127.0.0.1")
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()


class Relay:
    """Passes bytes between a client and a server, and sees when the client's connection ends.

    Attributes:
        deaf: what the client says is not passed on.
        left: set when the client's connection has ended.
    """

    def __init__(self) -> None:
        self.deaf = False
        self.left = asyncio.Event()

    @asynccontextmanager
    async def running(self, to: str) -> AsyncIterator[str]:
        """Yields the URL that leads to the server at the URL `to`."""
        scheme, _, address = to.partition("://")
        host, _, port = address.partition(":")

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
            answers = asyncio.create_task(self._answers(inner_reader, writer))
            with suppress(ConnectionError):
                while data := await reader.read(65_536):
                    if not self.deaf:
                        inner_writer.write(data)
            self.left.set()
            answers.cancel()
            inner_writer.close()
            writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1")
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
