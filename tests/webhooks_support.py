"""An endpoint that receives, verifies and answers as it is told."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook as Verifier

from stentor.config import Secret, Webhook

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
OTHER_SECRET = f"whsec_{base64.b64encode(bytes(range(32, 64))).decode()}"


class Receiver:
    """An HTTP server that keeps every call that it could verify.

    Attributes:
        answers: what to answer the next calls with; 204 when it is empty.
        events: the verified bodies, with their webhook-id.
    """

    def __init__(self) -> None:
        self.answers: list[web.StreamResponse | Callable[[], Any]] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.paths: list[str] = []
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._receive)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        body = await request.read()
        event = Verifier(SECRET).verify(body, dict(request.headers))
        self.events.append((request.headers["webhook-id"], event))
        answer = self.answers.pop(0) if self.answers else web.Response(status=204)
        return await answer() if callable(answer) else answer

    def webhook(self, **changes: Any) -> Webhook:
        """This endpoint as the configuration names it."""
        fields: dict[str, Any] = {
            "url": f"http://127.0.0.1:{self.port}/hook",
            "secret": Secret(SECRET),
            "allow_private": True,
        }
        return Webhook(**fields | changes)
