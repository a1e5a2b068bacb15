"""How uvicorn is told of WebSockets."""

from __future__ import annotations

import asyncio
from typing import Any

from stentor.config.schema import Socket

PING_INTERVAL_S = 20


def websocket_protocol(**kwargs: Any) -> asyncio.Protocol:
    """WebSockets on a connection."""
    # 40 ms and 0.8 MB, which only who uses it shall pay.
    from stentor.http.socket.connection import Connection

    protocol = Connection(**kwargs)
    # It would log what is sent: keys, and texts that nobody but their caller may see.
    protocol.conn.debug = False
    return protocol


def websocket_options(config: Socket) -> dict[str, Any]:
    """The options of `uvicorn.Config` that are about WebSockets."""
    return {
        "ws": websocket_protocol,
        "ws_max_size": config.max_message_bytes,
        # A client that plays as it reads may leave pings unread behind minutes of audio.
        "ws_ping_interval": PING_INTERVAL_S,
        "ws_ping_timeout": None,
        # Audio does not get smaller, and it would be the event loop that tries.
        "ws_per_message_deflate": False,
    }
