"""One HTTP call to a vendor: the head of its answer, then the body as it comes."""

from __future__ import annotations

import asyncio
import ipaddress
import urllib.request
from collections.abc import AsyncGenerator
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from stentor import __version__
from stentor.providers.faults import ProviderError, one_line
from stentor.providers.wire import Head, HttpCall

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

# Less than the minute after which load balancers commonly close an idle connection: one that is
# closed while a call is on its way into it looks like a vendor that fails.
KEEP_ALIVE_S = 30
# Up to twice as much of a body is held while nobody reads it; then the vendor has to wait.
BUFFER_BYTES = 64 * 1024


class Timeouts(Struct, frozen=True):
    """How long a call may take, in seconds, each more than 0.

    Attributes:
        connect_s: until there is a connection, name and TLS included.
        first_byte_s: from the beginning until the head of the answer.
        idle_s: between two pieces of the body. Time in which nobody asks for one does not count.
        total_s: from the beginning until the end of the body.
    """

    connect_s: float = 10
    first_byte_s: float = 60
    idle_s: float = 30
    total_s: float = 900


class Answering:
    """An answer whose head has arrived.

    Attributes:
        head: of any status; redirects are not followed.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, timeouts: Timeouts, ends_at: float
    ) -> None:
        headers = {name.lower(): value for name, value in response.headers.items()}
        self.head = Head(response.status, headers)
        self._response = response
        self._content = response.content
        self._timeouts = timeouts
        self._ends_at = ends_at
        self._loop = asyncio.get_running_loop()
        connection = response.connection
        self._protocol = connection.protocol if connection is not None else None
        # Only its end says how long such a body is.
        self._unmeasured = not headers.keys() & {"content-length", "transfer-encoding"}

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The body as it comes, decompressed; no piece is empty.

        Raises:
            ProviderError: `timeout`; `truncated`: it ended too soon; `malformed`: it cannot be
                decompressed.
        """
        while piece := await self._piece():
            yield piece

    async def beginning(self, limit: int) -> bytes:
        """Up to `limit` bytes of the body, for what an error says.

        Never raises: what does not come within `idle_s`, or at all, is left out.
        """
        got = b""
        try:
            async with asyncio.timeout(self._timeouts.idle_s):
                while len(got) < limit and (piece := await self._piece()):
                    got += piece
        except (ProviderError, TimeoutError):
            pass
        return got[:limit]

    def leave(self) -> None:
        """Give the connection back if the body is complete, else break it off."""
        if not self._content.is_eof() and self._protocol is not None:
            # Not `close`, which takes leave of TLS first and waits for the vendor to do so, too.
            self._protocol.abort()
        self._response.close()

    async def _piece(self) -> bytes:
        """What has come since the last piece; waits if nothing has. Empty: the end."""
        now = self._loop.time()
        if now >= self._ends_at:
            raise self._late("total", self._timeouts.total_s)
        try:
            piece = self._content.read_nowait()
            if not piece and not self._content.at_eof():
                piece = await self._awaited(min(now + self._timeouts.idle_s, self._ends_at))
        except ProviderError:
            raise
        except Exception as failure:
            raise self._fault(failure) from None
        if not piece and self._unmeasured and self._protocol is not None:
            import aiohttp

            # aiohttp takes any end of such a body for a good one.
            how = self._protocol.exception()
            if isinstance(how, aiohttp.ClientOSError):
                raise self._broken(_reason(how))
        return piece

    async def _awaited(self, until: float) -> bytes:
        try:
            async with asyncio.timeout_at(until) as limit:
                return await self._content.readany()
        except TimeoutError:
            if not limit.expired():
                raise self._broken("the connection timed out") from None
            if until >= self._ends_at:
                raise self._late("total", self._timeouts.total_s) from None
            raise self._late("idle", self._timeouts.idle_s) from None

    def _fault(self, failure: Exception) -> Exception:
        """What a failure of aiohttp means; the failure itself if it is none."""
        # Loaded already; where nothing fails, not even looked up.
        import aiohttp
        from aiohttp.http_exceptions import ContentEncodingError

        if not isinstance(failure, aiohttp.ClientError | OSError):
            return failure
        if isinstance(failure.__cause__, ContentEncodingError):
            return ProviderError(
                "malformed",
                "the body of the answer cannot be decompressed",
                status=self.head.status,
            )
        return self._broken(_reason(failure))

    def _late(self, which: str, seconds: float) -> ProviderError:
        what = "the rest of the answer" if which == "total" else "more of the answer"
        return ProviderError(
            "timeout",
            f"{what} did not come within {seconds:g} s ({which} timeout)",
            status=self.head.status,
        )

    def _broken(self, reason: str) -> ProviderError:
        return ProviderError(
            "truncated", f"the answer ended too soon: {reason}", status=self.head.status
        )


class Transport:
    """Makes calls; belongs to one event loop.

    Connections are kept for the next call to the same host. Cookies are not kept. Proxies are taken
    from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), except to this machine. How many
    calls are made at once is for others to limit.
    """

    def __init__(self) -> None:
        self._made: aiohttp.ClientSession | None = None
        self._proxies: dict[tuple[str, str | None], str | None] = {}

    async def close(self) -> None:
        """Close all connections."""
        if self._made is not None:
            await self._made.close()
            self._made = None

    def send(self, call: HttpCall, timeouts: Timeouts) -> Sent:
        """Make a call; a block that is given the answer once its head is there.

        Who leaves before the body's end hangs up. A GET whose connection breaks before the head is
        sent once more, as connections that were kept may do that; any other call is not.

        Raises:
            ProviderError: `network`: no connection, or one that broke before the head; `timeout`;
                `malformed`: the answer is not HTTP; `invalid`: the call cannot be written as HTTP.
                No message has the URL's query or a header in it: keys may be there.
        """
        return Sent(self, call, timeouts)

    async def answer(self, call: HttpCall, timeouts: Timeouts) -> aiohttp.ClientResponse:
        """As `send`; the response is the caller's to close."""
        try:
            url = _url(call.url) if "?" not in call.url else _parsed(call.url)
            session = self._session()
            async with asyncio.timeout(min(timeouts.first_byte_s, timeouts.total_s)) as limit:
                return await session.request(
                    call.method,
                    url,
                    data=call.body or None,
                    headers=call.headers,
                    allow_redirects=False,
                    proxy=self._proxy(url),
                    timeout=_client_timeout(timeouts.connect_s),
                )
        except TimeoutError as late:
            raise _late(late, timeouts, limit.expired()) from None
        except Exception as failure:
            raise _fault(failure) from None

    def _proxy(self, url: URL) -> str | None:
        # Not aiohttp's `trust_env`: that reads the environment anew for each call, in a thread, and
        # sends passwords from ~/.netrc to hosts that have a key already.
        origin = (url.scheme, url.host)
        if origin not in self._proxies:
            host = url.host or ""
            direct = _is_this_machine(host) or urllib.request.proxy_bypass(host)
            self._proxies[origin] = None if direct else urllib.request.getproxies().get(url.scheme)
        return self._proxies[origin]

    def _session(self) -> aiohttp.ClientSession:
        # Loaded by the first call: a server without vendors starts without it.
        import aiohttp

        if self._made is None:
            self._made = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S),
                headers={"User-Agent": f"stentor/{__version__}"},
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=True,
                trust_env=False,
                read_bufsize=BUFFER_BYTES,
            )
        return self._made


class Sent:
    """A call that is being made, for the length of a block."""

    def __init__(self, transport: Transport, call: HttpCall, timeouts: Timeouts) -> None:
        self._transport = transport
        self._call = call
        self._timeouts = timeouts

    async def __aenter__(self) -> Answering:
        timeouts = self._timeouts
        ends_at = asyncio.get_running_loop().time() + timeouts.total_s
        response = await self._transport.answer(self._call, timeouts)
        self._answering = Answering(response, timeouts, ends_at)
        return self._answering

    async def __aexit__(self, *_: object) -> None:
        self._answering.leave()


def _parsed(url: str) -> URL:
    from yarl import URL

    return URL(url, encoded=url.isascii())


# Of URLs without a query: a key may be there.
_url = lru_cache(maxsize=256)(_parsed)


@lru_cache(maxsize=256)
def _client_timeout(connect_s: float) -> aiohttp.ClientTimeout:
    import aiohttp

    return aiohttp.ClientTimeout(total=None, connect=connect_s)


def _late(late: TimeoutError, timeouts: Timeouts, ours: bool) -> ProviderError:
    """What it means that a call took too long.

    Args:
        ours: the time that it may take until the head of the answer was up.
    """
    import aiohttp

    if isinstance(late, aiohttp.ConnectionTimeoutError):
        return ProviderError(
            "timeout", f"no connection within {timeouts.connect_s:g} s (connect timeout)"
        )
    if not ours:
        return ProviderError("network", "the connection timed out")
    which, seconds = (
        ("first byte", timeouts.first_byte_s)
        if timeouts.first_byte_s < timeouts.total_s
        else ("total", timeouts.total_s)
    )
    return ProviderError("timeout", f"no answer within {seconds:g} s ({which} timeout)")


def _fault(failure: Exception) -> Exception:
    """What a failure to get an answer means; the failure itself if it is none of aiohttp's."""
    import aiohttp

    if isinstance(failure, aiohttp.InvalidURL):
        return ProviderError("network", "the URL is not valid; see base_url")
    if isinstance(failure, aiohttp.ClientHttpProxyError):
        return ProviderError("network", f"the proxy answered with {failure.status}")
    if isinstance(failure, aiohttp.ClientResponseError):
        return ProviderError("malformed", "answered with what is not HTTP")
    if isinstance(failure, aiohttp.ClientError | OSError):
        return ProviderError("network", _reason(failure))
    if isinstance(failure, ValueError):
        return ProviderError(
            "invalid",
            "the call cannot be sent: its URL or a header, such as the key's, has characters "
            "that HTTP does not allow",
        )
    return failure


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _reason(failure: Exception) -> str:
    """What went wrong, without the URL, which aiohttp puts into some of its texts."""
    import aiohttp

    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return one_line(f"no connection to {failure.host}: {failure.certificate_error}")
    if isinstance(failure, aiohttp.ClientConnectorError):
        why = str(failure.os_error) or "it was closed at once"
        return one_line(f"no connection to {failure.host}: {why}")
    if isinstance(failure, aiohttp.ServerDisconnectedError):
        return "the connection was closed"
    if isinstance(failure, OSError):
        return one_line(failure.strerror or "the connection broke")
    if isinstance(failure, aiohttp.ClientPayloadError):
        return "the connection was closed in the middle of the body"
    return "the connection broke"
