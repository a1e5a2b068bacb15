"""One call to a vendor: what arrives, what is kept to oneself, and which connections it takes."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp.connector
import pytest

from routing.calls import (
    BODY,
    CHUNKED,
    HALF,
    HEADERS,
    MEASURED,
    SECRET,
    TIMEOUTS,
    Relay,
    Scripted,
    call,
    failing,
    vendor,
    whole,
)
from routing.certificate import self_signed
from stentor import __version__
from stentor.providers.wire import HttpCall
from stentor.routing.transport import Transport
from upstream.faults import PAGE, Fault
from upstream.server import running
from upstream.values import Answer, Vendor

PIECE = b"a" * 2**20
ENDLESS = vendor(lambda: Answer(parts=itertools.repeat(PIECE)))


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = Transport()
    yield made
    await made.close()


@pytest.fixture
def encrypted(tmp_path: Path) -> ssl.SSLContext:
    """What a server needs to speak TLS, with a certificate that nobody has signed."""
    path = tmp_path / "server.pem"
    path.write_bytes(self_signed())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.fixture
def trusted(encrypted: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is trusted as those of the system are."""
    context = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", context)


async def test_a_call_arrives_as_it_was_made(transport: Transport) -> None:
    async with running(MEASURED) as upstream:
        url = f"{upstream.url}/a%2Fb/%20c%7E?d=%26&d=e"
        made = HttpCall("POST", url, HEADERS, b'{"x": "\xc3\xa4"}')
        async with transport.send(made, TIMEOUTS) as answering:
            assert answering.head.status == 200
            assert answering.head.headers["content-type"] == "audio/mpeg"
    [received] = upstream.received
    assert (received.method, received.path) == ("POST", "/a%2Fb/%20c%7E")
    assert received.query == (("d", "&"), ("d", "e"))
    assert received.body == made.body
    assert received.headers["authorization"] == f"Bearer {SECRET}"
    assert received.headers["user-agent"] == f"stentor/{__version__}"


@pytest.mark.parametrize("cut", [None, 1, 7, 5000])
@pytest.mark.parametrize("vendor", [MEASURED, CHUNKED])
async def test_a_body_is_whole_however_it_comes(
    transport: Transport, vendor: Vendor, cut: int | None
) -> None:
    async with running(vendor) as upstream:
        upstream.cut = cut
        assert await whole(transport, call(upstream.url)) == BODY


async def test_a_body_that_ends_with_its_connection_is_whole(transport: Transport) -> None:
    server = Scripted(b"HTTP/1.1 200 OK\r\n\r\n", BODY)
    async with server.running() as url:
        assert await whole(transport, call(url)) == BODY


async def test_hints_before_the_answer_are_passed_over(transport: Transport) -> None:
    server = Scripted(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", BODY)
    async with server.running() as url:
        assert await whole(transport, call(url)) == BODY


async def test_pieces_are_handed_on_as_they_arrive(transport: Transport) -> None:
    async with running(CHUNKED) as upstream:
        upstream.faults = ["stall_middle"]
        async with transport.send(call(upstream.url), TIMEOUTS) as answering:
            pieces = answering.chunks()
            got = b""
            while len(got) < len(HALF):
                got += await anext(pieces)
            assert got == HALF


async def test_compressed_bodies_are_decompressed(transport: Transport) -> None:
    packed = Answer(200, {"content-encoding": "gzip"}, [gzip.compress(BODY)])
    async with running(vendor(lambda: packed)) as upstream:
        assert await whole(transport, call(upstream.url)) == BODY


async def test_a_body_that_cannot_be_decompressed_is_malformed(transport: Transport) -> None:
    packed = Answer(200, {"content-encoding": "gzip"}, [BODY])
    async with running(vendor(lambda: packed)) as upstream:
        failure = await failing(transport, upstream.url)
    assert (failure.kind, failure.status) == ("malformed", 200)


async def test_cookies_are_not_kept_and_redirects_not_followed(transport: Transport) -> None:
    moved = Answer(307, {"set-cookie": "a=b", "location": "/elsewhere"}, [b"moved"])
    async with running(vendor(lambda: moved)) as upstream:
        url = upstream.url.replace("127.0.0.1", "localhost")  # addresses never get cookies
        for _ in range(2):
            async with transport.send(call(url), TIMEOUTS) as answering:
                assert answering.head.status == 307
    assert [one.path for one in upstream.received] == ["/speech", "/speech"]
    assert not any("cookie" in one.headers for one in upstream.received)


async def test_connections_are_used_again(transport: Transport) -> None:
    async with running(CHUNKED) as upstream:
        for _ in range(5):
            assert await whole(transport, call(upstream.url)) == BODY
        upstream.refusals = ["server"]
        async with transport.send(call(upstream.url), TIMEOUTS) as answering:
            assert await answering.beginning(10_000) == PAGE
        await whole(transport, call(upstream.url))
        assert upstream.accepted == 1


async def test_there_is_no_limit_to_calls_at_once(transport: Transport) -> None:
    async with running(MEASURED) as upstream:
        upstream.faults = lambda _: "stall_before"
        calls = [asyncio.create_task(whole(transport, call(upstream.url))) for _ in range(150)]
        await upstream.until(lambda: len(upstream.received) == 150)
        for one in calls:
            one.cancel()
        await upstream.until(lambda: upstream.open == 0)


@pytest.mark.parametrize("fault", ["stall_middle", "stall_before"])
async def test_a_cancelled_call_hangs_up(transport: Transport, fault: Fault) -> None:
    async with running(CHUNKED) as upstream:
        upstream.faults = [fault]
        task = asyncio.create_task(whole(transport, call(upstream.url)))
        await upstream.until(lambda: bool(upstream.received))
        if fault == "stall_middle":
            await upstream.until(lambda: upstream.sent > 0)
        task.cancel()
        await upstream.until(lambda: upstream.abandoned == 1)
        assert upstream.open == 0


async def test_who_leaves_early_hangs_up(transport: Transport) -> None:
    async with running(ENDLESS) as upstream:
        async with transport.send(call(upstream.url), TIMEOUTS) as answering:
            await anext(answering.chunks())
        await upstream.until(lambda: upstream.abandoned == 1)
        assert upstream.open == 0


@pytest.mark.usefixtures("trusted")
async def test_who_leaves_early_does_not_wait_for_the_vendors_farewell(
    transport: Transport, encrypted: ssl.SSLContext
) -> None:
    relay = Relay()
    async with running(CHUNKED, tls=encrypted) as upstream, relay.running(upstream.url) as url:
        upstream.faults = ["stall_middle"]
        async with transport.send(call(url), TIMEOUTS) as answering:
            await anext(answering.chunks())
            relay.deaf = True  # TLS's farewell would not arrive
        async with asyncio.timeout(10):
            await relay.left.wait()


async def test_a_vendor_whose_certificate_nobody_signed_is_not_called(
    transport: Transport, encrypted: ssl.SSLContext
) -> None:
    async with running(MEASURED, tls=encrypted) as upstream:
        failure = await failing(transport, upstream.url)
        assert not upstream.received
    assert failure.kind == "network" and "certificate" in failure.message


async def test_a_vendor_waits_for_a_slow_consumer(transport: Transport) -> None:
    """What is under way is a few buffers, the kernel's being the largest."""
    pieces = 200
    async with running(vendor(lambda: Answer(parts=itertools.repeat(PIECE, pieces)))) as upstream:
        async with transport.send(call(upstream.url), TIMEOUTS) as answering:
            chunks = answering.chunks()
            got = len(await anext(chunks))
            for _ in range(pieces * 20):  # of which each could take several hundred kB
                await asyncio.sleep(0)
            assert upstream.sent < 24 * len(PIECE)
            async for chunk in chunks:
                got += len(chunk)
        assert got == pieces * len(PIECE)


async def test_a_proxy_is_taken_from_the_environment(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Scripted(b"HTTP/1.1 200 OK\r\n\r\n", BODY)
    async with proxy.running() as url, running(MEASURED) as upstream:
        monkeypatch.setenv("http_proxy", url.replace("//", "//me:word@"))
        monkeypatch.setenv("no_proxy", "direct.test")
        assert await whole(transport, call("http://vendor.test")) == BODY
        assert proxy.asked[0].startswith(b"POST http://vendor.test/speech?key=")
        assert b"Proxy-Authorization: Basic bWU6d29yZA==" in proxy.asked[0]
        # Neither what NO_PROXY names nor what is in this machine is asked of the proxy.
        assert await whole(transport, call(upstream.url)) == BODY
        assert (await failing(transport, "http://direct.test")).kind == "network"
        assert len(proxy.asked) == 1


async def test_a_password_in_netrc_is_left_alone(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with running(MEASURED) as upstream:
        await whole(transport, call(upstream.url))
    assert upstream.received[0].headers["authorization"] == HEADERS["Authorization"]
