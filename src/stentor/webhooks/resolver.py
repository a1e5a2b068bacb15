"""Looks names up, each on a thread of its own.

The loop's own look-ups share a few threads, and one that nobody answers takes its thread for longer
than a call may last: a handful of them would make every other endpoint's calls fail.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from threading import Thread
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class Resolver(AbstractResolver):
    """A resolver for an aiohttp connector."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of a host, an IPv6 one with its scope.

        Raises:
            OSError, UnicodeError: it has none, or nobody knows.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def look_up() -> None:
            answer: list[ResolveResult] | Exception
            try:
                answer = _addresses(host, port, family)
            except Exception as error:
                answer = error
            # A loop that was closed meanwhile has nobody left to tell.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, found, answer)

        # A daemon, since the end of the program must not wait for a look-up.
        Thread(target=look_up, name="webhook-look-up", daemon=True).start()
        return await found

    async def close(self) -> None:
        """Nothing is kept open."""


def _addresses(host: str, port: int, family: int) -> list[ResolveResult]:
    infos = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    return [
        ResolveResult(
            hostname=host,
            host=socket.getnameinfo(address, _NUMERIC)[0],
            port=port,
            family=kind,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, protocol, _, address in infos
    ]


def _tell(found: asyncio.Future[Any], answer: list[ResolveResult] | Exception) -> None:
    if found.cancelled():
        return
    if isinstance(answer, Exception):
        found.set_exception(answer)
    else:
        found.set_result(answer)
