"""A WebSocket connection whose client does not read."""

from __future__ import annotations

import asyncio

import uvicorn
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from stentor.http.socket.protocol import websocket_protocol
from support import DEADLINE_S

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass


async def accepting(scope: object, receive: object, send: object) -> None:
    await send({"type": "websocket.accept"})  # type: ignore[operator]
    await asyncio.Event().wait()


async def test_pings_are_answered_as_long_as_the_answers_are_read() -> None:
    config = uvicorn.Config(accepting, lifespan="off", log_config=None)
    state = ServerState()
    connection = websocket_protocol(config=config, server_state=state, app_state={})
    transport = Transport()
    connection.connection_made(transport)
    connection.data_received(HANDSHAKE)  # type: ignore[attr-defined]
    async with asyncio.timeout(DEADLINE_S):
        while b"101" not in transport.written:
            await asyncio.sleep(0)
    ping = Frame(Opcode.PING, b"ping").serialize(mask=True)
    pong = Frame(Opcode.PONG, b"ping").serialize(mask=False)
    before = transport.written

    connection.data_received(ping)  # type: ignore[attr-defined]
    assert transport.written == before + pong
    connection.pause_writing()
    connection.data_received(10 * ping)  # type: ignore[attr-defined]
    assert transport.written == before + pong
    connection.resume_writing()
    connection.data_received(ping)  # type: ignore[attr-defined]
    assert transport.written == before + 2 * pong
    for task in state.tasks:
        task.cancel()
