"""One end of the socket between two server processes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import msgspec

from stentor.processes.messages import Message

LENGTH_BYTES = 4

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


class Link:
    """Messages over a stream; they arrive in the order in which they were sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Link:
        """A link over one end of a pair of sockets, which it closes in the end."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    def send(self, message: Message) -> None:
        """Send a message, without waiting for room; one to a process that is gone is lost."""
        if self._writer.is_closing():
            return
        body = _encoder.encode(message)
        self._writer.write(len(body).to_bytes(LENGTH_BYTES, "little") + body)

    async def drained(self) -> None:
        """Wait until the other side has taken most of what was sent."""
        try:
            await self._writer.drain()
        except ConnectionError:
            return

    async def messages(self) -> AsyncIterator[Message]:
        """What the other side sends, until it is gone."""
        while True:
            try:
                head = await self._reader.readexactly(LENGTH_BYTES)
                body = await self._reader.readexactly(int.from_bytes(head, "little"))
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            yield _decoder.decode(body)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
