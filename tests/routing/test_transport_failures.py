"""What becomes of a call that fails: one error, of the right kind, which tells no secrets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from routing.calls import (
    BODY,
    CHUNKED,
    HALF,
    HEADERS,
    MEASURED,
    SECRET,
    Scripted,
    call,
    failing,
    vendor,
    whole,
)
from stentor.providers.faults import FaultKind, ProviderError
from stentor.routing.transport import Timeouts, Transport
from upstream.faults import PAGE, Fault
from upstream.server import running
from upstream.values import Answer, Vendor

SHORT_S = 0.1
SHORT: dict[Fault | None, Timeouts] = {
    "stall_before": Timeouts(first_byte_s=SHORT_S),
    "stall_middle": Timeouts(idle_s=SHORT_S),
}
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = Transport()
    yield made
    await made.close()


@pytest.mark.parametrize("vendor", [MEASURED, CHUNKED])
@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        ("truncated", "truncated", 200),
        ("truncated_chunked", "truncated", 200),
        ("reset", "truncated", 200),
        ("reset_before", "network", None),
        ("stall_before", "timeout", None),
        ("stall_middle", "timeout", 200),
    ],
)
async def test_a_broken_answer_is_one_error(
    transport: Transport, vendor: Vendor, fault: Fault, kind: FaultKind, status: int | None
) -> None:
    async with running(vendor) as upstream:
        upstream.faults = [fault]
        failure = await failing(transport, upstream.url, SHORT.get(fault, Timeouts()))
        assert (failure.kind, failure.status) == (kind, status)
        assert await whole(transport, call(upstream.url)) == BODY
        await upstream.until(lambda: upstream.open == 1)


@pytest.mark.parametrize(
    "said",
    [
        b"Content-Length: 20000\r\n\r\n" + BODY,
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ],
)
async def test_a_body_without_its_end_is_truncated(transport: Transport, said: bytes) -> None:
    async with Scripted(HEAD + said).running() as url:
        assert (await failing(transport, url)).kind == "truncated"


async def test_a_reset_is_no_end_of_a_body_of_unknown_length(transport: Transport) -> None:
    goes_on = asyncio.Event()
    async with Scripted(HEAD + b"\r\n", BODY, goes_on=goes_on).running() as url:
        with pytest.raises(ProviderError) as caught:
            async with transport.send(call(url), Timeouts()) as answering:
                async for _ in answering.chunks():
                    goes_on.set()
    assert caught.value.kind == "truncated"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", "network"),
        (b"HTTP/1.1 200 OK\r\nContent-", "network"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "malformed"),
        (HEAD + b"Content-Length: many\r\n\r\n", "malformed"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nhello\r\nab\r\n", "malformed"),
        (HEAD + b"X: " + b"a" * 100_000 + b"\r\n\r\n", "malformed"),
    ],
)
async def test_no_answer_is_an_error(transport: Transport, said: bytes, kind: FaultKind) -> None:
    async with Scripted(said).running() as url:
        failure = await failing(transport, url)
    assert (failure.kind, failure.status) == (kind, None)


async def test_a_vendor_that_does_not_listen_is_named(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    failure = await failing(transport, f"http://127.0.0.1:{port}")
    assert failure.kind == "network" and "127.0.0.1" in failure.message


async def test_a_name_that_cannot_be_resolved_is_named(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nowhere)
    failure = await failing(transport, "http://api.vendor.test")
    assert failure.kind == "network" and "api.vendor.test" in failure.message


async def test_each_timeout_says_which_it_was(transport: Transport) -> None:
    async with running(CHUNKED) as upstream:
        upstream.faults = ["stall_before", "stall_before", "stall_middle", "stall_middle", "slow"]
        upstream.pace_s = SHORT_S / 5
        said = [
            (await failing(transport, upstream.url, timeouts)).message
            for timeouts in (
                Timeouts(first_byte_s=SHORT_S),
                Timeouts(total_s=SHORT_S),
                Timeouts(idle_s=SHORT_S),
                Timeouts(total_s=SHORT_S),
                Timeouts(total_s=SHORT_S, idle_s=10 * SHORT_S),
            )
        ]
    # A listening socket whose owner never accepts: TCP connects, TLS does not.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        said += [(await failing(transport, url, Timeouts(connect_s=SHORT_S))).message]
    words = ["first byte", "total", "idle", "total", "total", "connect"]
    for message, word in zip(said, words, strict=True):
        assert word in message and "0.1 s" in message


async def test_time_that_the_consumer_takes_is_not_the_vendors(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running(CHUNKED) as upstream,
        transport.send(call(upstream.url), Timeouts(idle_s=60)) as answering,
    ):
        pass_time(monkeypatch, 100)
        assert b"".join([piece async for piece in answering.chunks()]) == BODY


async def test_nothing_is_read_beyond_the_total_time(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(CHUNKED) as upstream:
        with pytest.raises(ProviderError, match="total"):
            async with transport.send(call(upstream.url), Timeouts(total_s=60)) as answering:
                pass_time(monkeypatch, 100)
                await anext(answering.chunks())


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """It is later now, as far as the event loop knows."""
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + seconds)


async def test_a_key_that_fits_in_no_header_is_not_sent(transport: Transport) -> None:
    headers = HEADERS | {"Authorization": f"Bearer {SECRET}\r\nX: y"}
    async with running(MEASURED) as upstream:
        assert (await failing(transport, upstream.url, headers=headers)).kind == "invalid"
        assert not upstream.received


@pytest.mark.parametrize("url", ["http://", "ftp://vendor.test", "vendor.test", "http://[::"])
async def test_a_url_that_is_none_is_an_error(transport: Transport, url: str) -> None:
    assert (await failing(transport, url)).kind in ("network", "invalid")


@pytest.mark.parametrize(
    ("fault", "got"),
    [(None, BODY), ("truncated", HALF), ("truncated_chunked", HALF), ("stall_middle", HALF)],
)
async def test_of_an_errors_body_is_read_what_there_is(
    transport: Transport, fault: Fault | None, got: bytes
) -> None:
    async with running(CHUNKED) as upstream:
        upstream.faults = [fault]
        timeouts = SHORT.get(fault, Timeouts())
        async with transport.send(call(upstream.url), timeouts) as answering:
            assert await answering.beginning(1_000_000) == got
            assert answering.head.status == 200


async def test_of_an_errors_body_is_read_no_more_than_asked_for(transport: Transport) -> None:
    async with (
        running(CHUNKED) as upstream,
        transport.send(call(upstream.url), Timeouts()) as answering,
    ):
        assert await answering.beginning(100) == BODY[:100]


async def test_an_errors_body_that_trickles_is_not_waited_for(transport: Transport) -> None:
    async with running(CHUNKED) as upstream:
        upstream.faults, upstream.pace_s = ["slow"], SHORT_S / 2
        async with transport.send(call(upstream.url), Timeouts(idle_s=SHORT_S)) as answering:
            assert len(await answering.beginning(1_000_000)) < len(BODY)
        await upstream.until(lambda: upstream.abandoned == 1)


async def test_answers_instead_of_audio_arrive_as_they_are(transport: Transport) -> None:
    async with running(MEASURED) as upstream:
        upstream.faults = ["html", "html_ok", "empty", "retry_after", "garbage"]
        found = []
        for _ in range(5):
            async with transport.send(call(upstream.url), Timeouts()) as answering:
                found.append((answering.head, await answering.beginning(1_000_000)))
    assert [head.status for head, _ in found] == [502, 200, 200, 429, 200]
    assert [body for _, body in found[:3]] == [PAGE, PAGE, b""]
    assert found[3][0].headers["retry-after"] == "1"
    assert found[4][0].headers["content-type"] == "audio/mpeg"
    assert len(found[4][1]) == len(BODY) and found[4][1] != BODY


async def test_an_empty_answer_of_no_content_leaves_the_connection_in_order(
    transport: Transport,
) -> None:
    async with running(vendor(lambda: Answer(204))) as upstream:
        for _ in range(3):
            assert await whole(transport, call(upstream.url, method="GET", body=b"")) == b""
        assert upstream.accepted == 1
