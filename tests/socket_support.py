"""A client of `/v1/audio/speech/stream`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from support import DEADLINE_S, MODEL

PATH = "/v1/audio/speech/stream"


class Talk:
    """A session from its client's side.

    Attributes:
        audio: all that has arrived.
        events: the same.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.audio = b""
        self.events: list[dict[str, Any]] = []

    async def start(self, **fields: Any) -> dict[str, Any]:
        """Begin a session, which must succeed."""
        await self.send("session.start", **{"model": MODEL, "voice": "joe"} | fields)
        return await self.until("session.started")

    async def send(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_} | fields))

    async def text(self, *pieces: str) -> None:
        for piece in pieces:
            await self.send("text", text=piece)

    async def until(self, type_: str) -> dict[str, Any]:
        """Read up to and with the next event of this type."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                message = await self.socket.recv()
                if isinstance(message, bytes):
                    self.audio += message
                    continue
                event: dict[str, Any] = json.loads(message)
                self.events.append(event)
                if event["type"] == type_:
                    return event
                assert event["type"] != "error", event

    async def end(self) -> dict[str, Any]:
        """Say that the text has ended, and read until all is spoken."""
        await self.send("end")
        done = await self.until("done")
        await self.closed()
        assert self.socket.close_code == 1000
        return done

    async def closed(self) -> int | None:
        """Wait for the server to close; the code."""
        async with asyncio.timeout(DEADLINE_S):
            await self.socket.wait_closed()
        return self.socket.close_code

    def all(self, type_: str) -> list[dict[str, Any]]:
        """The events of this type that have arrived."""
        return [event for event in self.events if event["type"] == type_]

    @property
    def sentences(self) -> list[str]:
        return [event["text"] for event in self.all("sentence.started")]


@asynccontextmanager
async def talk_to(port: int, headers: dict[str, str] | None = None, **options: Any) -> Any:
    """Open a connection."""
    url = f"ws://127.0.0.1:{port}{PATH}"
    async with connect(url, additional_headers=headers, max_size=None, **options) as socket:
        yield Talk(socket)


@asynccontextmanager
async def talking(port: int, **fields: Any) -> AsyncIterator[Talk]:
    """Open a connection and begin a session."""
    async with talk_to(port) as talk:
        await talk.start(**fields)
        yield talk
