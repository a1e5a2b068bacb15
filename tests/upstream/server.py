"""The sockets of a local vendor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from stentor.providers.faults import FaultKind
from upstream.sound import Tones
from upstream.values import Answer, Received, Vendor


class Upstream:
    """A vendor that listens on a port of this machine.

    Attributes:
        url: without a slash at the end.
        received: every request, in order of arrival.
        refusals: how the next requests are refused, one after the other; None: not at all.
    """

    def __init__(self, vendor: Vendor) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.refusals: list[FaultKind | None] = []
        self._vendor = vendor
        self._sound = Tones()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        received = Received(
            request.method,
            request.rel_url.raw_path,
            tuple(request.rel_url.query.items()),
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
        )
        self.received.append(received)
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is not None:
            answer: Answer | None = self._vendor.refuse(refusal, received)
        else:
            answer = await asyncio.to_thread(self._vendor.answer, received, self._sound)
        if answer is None:
            answer = Answer(404, {"content-type": "text/plain"}, [b"no such path"])
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(request)
        for part in answer.parts:
            await response.write(part)
        await response.write_eof()
        return response


@asynccontextmanager
async def running(vendor: Vendor) -> AsyncIterator[Upstream]:
    """Serve until the block ends."""
    upstream = Upstream(vendor)
    runner = web.ServerRunner(web.Server(upstream.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    upstream.url = f"http://{host}:{port}"
    try:
        yield upstream
    finally:
        await runner.cleanup()
