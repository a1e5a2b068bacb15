"""One HTTP call to an endpoint."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stentor import __version__
from stentor.config import Webhook
from stentor.retry_after import retry_after_seconds
from stentor.webhooks.addresses import PrivateAddress, public_socket

if TYPE_CHECKING:
    import aiohttp

# What an endpoint says in its answer's body matters to nobody; what of it is read is only so that
# the endpoint sees its answer taken.
ANSWER_BYTES_READ = 4096
MAX_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call.

    Attributes:
        status_code: None if there was no answer.
        error: why the call did not succeed; None if it did.
        retry_after_s: when the endpoint asks to be called again.
    """

    latency_ms: int
    status_code: int | None = None
    error: str | None = None
    retry_after_s: int | None = None


class Sender:
    """Makes calls; belongs to one event loop.

    Redirects are not followed and proxies are not used: a call goes where the configuration says,
    or nowhere.
    """

    def __init__(self) -> None:
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def send(self, webhook: Webhook, headers: dict[str, str], body: bytes) -> Answer:
        """Call an endpoint; whatever goes wrong is in the answer."""
        import aiohttp

        session = self._session(anywhere=webhook.allow_private)
        started = time.monotonic()
        status_code: int | None = None
        retry_after_s: int | None = None
        error: str | None = None
        try:
            async with (
                asyncio.timeout(webhook.timeout_seconds),
                session.post(
                    webhook.url, data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                status_code = response.status
                retry_after_s = retry_after_seconds(response.headers.get("Retry-After"))
                await response.content.read(ANSWER_BYTES_READ)
        except TimeoutError:
            error = f"not answered within {webhook.timeout_seconds} s"
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            error = _reason(failure)
        if status_code is not None:
            # Whatever became of the rest of the answer: it has been given.
            error = None if 200 <= status_code < 300 else _refusal(status_code)
        latency_ms = round((time.monotonic() - started) * 1000)
        return Answer(latency_ms, status_code, error, retry_after_s)

    def _session(self, *, anywhere: bool) -> aiohttp.ClientSession:
        # Loaded by the first call: a server without webhooks starts without it.
        import aiohttp

        from stentor.webhooks.resolver import Resolver

        if anywhere not in self._sessions:
            # A connection that is kept would be a connection that is not checked.
            # Nor is there a limit here: calls to endpoints that hang would take it all.
            connector = aiohttp.TCPConnector(
                limit=0,
                force_close=True,
                use_dns_cache=False,
                resolver=Resolver(),
                socket_factory=None if anywhere else public_socket,
            )
            self._sessions[anywhere] = aiohttp.ClientSession(
                connector=connector,
                headers={
                    "User-Agent": f"stentor/{__version__}",
                    "Content-Type": "application/json",
                },
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
            )
        return self._sessions[anywhere]


def _refusal(status_code: int) -> str:
    if 300 <= status_code < 400:
        return f"answered with the redirect {status_code}, which is not followed"
    return f"answered with {status_code}"


def _reason(failure: Exception) -> str:
    import aiohttp

    if isinstance(failure, aiohttp.InvalidURL):
        # Its message is the URL, which may hold a secret.
        return "the URL is not valid; see [webhooks.NAME] url"
    # With several addresses, the connector puts the causes into one message.
    causes = str(failure)
    if isinstance(failure, aiohttp.ClientResponseError):
        # Its text shows the URL, and its message what the endpoint sent, over several lines.
        causes = " ".join(failure.message.split())[:MAX_SHOWN_CHARS]
    if isinstance(failure, aiohttp.ClientConnectorError):
        causes = str(failure.os_error)
    if isinstance(failure, PrivateAddress) or "is not a public address" in causes:
        return f"refused: {causes}; see [webhooks.NAME] allow_private"
    return f"{type(failure).__name__}: {causes}"
