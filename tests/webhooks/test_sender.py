"""One call: what counts as taken, and where it must not go."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from stentor.config import Secret, Webhook
from stentor.jobs.clock import now_ms
from stentor.webhooks.addresses import is_public
from stentor.webhooks.endpoints import signed_headers
from stentor.webhooks.sender import Answer, Sender
from webhooks_support import OTHER_SECRET, SECRET, Receiver

BODY = b'{"type":"async_job.completed"}'


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender()
    yield made
    await made.close()


async def call(sender: Sender, webhook: Webhook) -> Answer:
    headers = signed_headers(webhook, "msg_1", now_ms(), BODY)
    return await sender.send(webhook, headers, BODY)


@asynccontextmanager
async def silent(head: bytes = b"") -> AsyncIterator[int]:
    """An endpoint that says this much and no more; yields its port."""
    connections: list[asyncio.StreamWriter] = []

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        connections.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", backlog=200)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in connections:
        writer.close()


def webhook_at(port: int, **changes: Any) -> Webhook:
    return Webhook(f"http://127.0.0.1:{port}/", Secret(SECRET), allow_private=True, **changes)


async def test_a_call_can_be_verified_by_its_receiver(sender: Sender, receiver: Receiver) -> None:
    answer = await call(sender, receiver.webhook())
    assert (answer.status_code, answer.error) == (204, None)
    assert receiver.events == [("msg_1", {"type": "async_job.completed"})]


async def test_while_secrets_change_receivers_of_both_can_verify(
    sender: Sender, receiver: Receiver
) -> None:
    changing = receiver.webhook(secret=Secret(OTHER_SECRET), old_secret=Secret(SECRET))
    assert (await call(sender, changing)).error is None
    assert len(receiver.events) == 1


async def test_a_redirect_is_not_followed(sender: Sender, receiver: Receiver) -> None:
    receiver.answers = [web.Response(status=307, headers={"Location": "/elsewhere"})]
    answer = await call(sender, receiver.webhook())
    assert answer.error == "answered with the redirect 307, which is not followed"
    assert receiver.paths == ["/hook"]


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120),
        ("99999999999", 86_400),
        ("in an hour", 3600),
        ("an hour ago", 0),
        ("Fri, 31 Dec 9999 23:59:59 -0000", 86_400),
        ("soon", None),
        ("-1", None),
        ("\u0663", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
async def test_an_endpoint_may_say_when_to_come_back_in_seconds_or_as_a_date(
    sender: Sender, receiver: Receiver, retry_after: str, seconds: int | None
) -> None:
    hours = {"in an hour": 1, "an hour ago": -1}.get(retry_after)
    if hours is not None:
        retry_after = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    receiver.answers = [web.Response(status=503, headers={"Retry-After": retry_after})]
    answer = await call(sender, receiver.webhook())
    assert answer.retry_after_s == (seconds and pytest.approx(seconds, abs=30))


@pytest.mark.parametrize("status", [400, 404, 410, 500, 503])
async def test_another_answer_than_success_is_a_failure(
    sender: Sender, receiver: Receiver, status: int
) -> None:
    receiver.answers = [web.Response(status=status, headers={"Retry-After": "7"})]
    answer = await call(sender, receiver.webhook())
    assert (answer.status_code, answer.error) == (status, f"answered with {status}")
    assert answer.retry_after_s == 7


async def test_an_endpoint_that_does_not_answer_is_given_up(
    sender: Sender, receiver: Receiver
) -> None:
    async def never() -> None:
        await asyncio.sleep(60)

    receiver.answers = [never]
    answer = await call(sender, receiver.webhook(timeout_seconds=1))
    assert (answer.status_code, answer.error) == (None, "not answered within 1 s")


async def test_an_endless_answer_is_not_read_to_its_end(sender: Sender, receiver: Receiver) -> None:
    async def endless() -> web.StreamResponse:
        response = web.Response(body=b"x" * 50_000_000)
        return response

    receiver.answers = [endless]
    assert (await call(sender, receiver.webhook())).error is None


@pytest.mark.parametrize(("head", "error"), [("200 OK", None), ("500 Oops", "answered with 500")])
async def test_an_answer_counts_though_its_body_never_comes(
    sender: Sender, head: str, error: str | None
) -> None:
    async with silent(f"HTTP/1.1 {head}\r\nContent-Length: 9\r\n\r\n".encode()) as port:
        answer = await call(sender, webhook_at(port, timeout_seconds=1))
    assert answer.error == error


async def test_an_endpoint_is_called_however_many_others_hang(
    sender: Sender, receiver: Receiver
) -> None:
    async with silent() as port:
        hanging = [asyncio.create_task(call(sender, webhook_at(port))) for _ in range(110)]
        await asyncio.sleep(0)
        assert (await call(sender, receiver.webhook(timeout_seconds=5))).error is None
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_an_endpoint_is_called_however_many_names_nobody_answers_for(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, look_up = threading.Event(), socket.getaddrinfo

    def hang(host: str, *args: Any, **options: Any) -> Any:
        if host == "nobody.example":
            answered.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    nobody = Webhook("http://nobody.example/", Secret(SECRET))
    hanging = [asyncio.create_task(call(sender, nobody)) for _ in range(50)]
    await asyncio.sleep(0)
    url = f"http://localhost:{receiver.port}/hook"
    assert (await call(sender, receiver.webhook(url=url, timeout_seconds=5))).error is None
    answered.set()
    assert {"nobody answers" in (each.error or "") for each in await asyncio.gather(*hanging)} == {
        True
    }


async def test_a_url_that_is_no_url_is_not_shown(sender: Sender) -> None:
    webhook = Webhook("https://user:hidden@host:99999/?token=hidden", Secret(SECRET))
    assert (await call(sender, webhook)).error == "the URL is not valid; see [webhooks.NAME] url"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"\x00\xff\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX\xff\x00: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_is_not_http_is_a_failure_that_does_not_show_the_url(
    sender: Sender, answer: bytes
) -> None:
    async with silent(answer) as port:
        url = f"http://127.0.0.1:{port}/hidden-path?token=hidden"
        webhook = Webhook(url, Secret(SECRET), allow_private=True, timeout_seconds=5)
        error = (await call(sender, webhook)).error
    assert error is not None
    assert error.startswith("ClientResponseError: ")
    assert "hidden" not in error
    assert error.isprintable()
    assert len(error) < 250


async def test_nobody_listening_is_a_failure_that_says_so(sender: Sender) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    answer = await call(sender, webhook_at(port))
    assert answer.status_code is None
    assert "Connect" in (answer.error or "")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
    ],
)
async def test_a_private_target_is_refused_however_it_is_written(
    sender: Sender, receiver: Receiver, host: str
) -> None:
    url = f"http://{host}:{receiver.port}/hook"
    answer = await call(sender, receiver.webhook(url=url, allow_private=False))
    assert answer.status_code is None
    assert "is not a public address; see [webhooks.NAME] allow_private" in (answer.error or "")
    assert receiver.paths == []


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1"])
async def test_a_disguised_address_is_no_address(
    sender: Sender, receiver: Receiver, host: str
) -> None:
    url = f"http://{host}:{receiver.port}/hook"
    answer = await call(sender, receiver.webhook(url=url))
    assert answer.error is not None
    assert receiver.paths == []


async def test_a_name_that_turns_private_after_it_was_looked_up_is_refused(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the first answer is public, the one that is connected to is not."""
    asked: list[str] = []

    def resolve(host: str, port: int, **__: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        address = "8.8.8.8" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    looked_up = socket.getaddrinfo("rebinding.example", 80)
    assert looked_up[0][4][0] == "8.8.8.8"
    url = f"http://rebinding.example:{receiver.port}/hook"
    answer = await call(sender, receiver.webhook(url=url, allow_private=False))
    assert "127.0.0.1 is not a public address" in (answer.error or "")
    assert len(asked) == 2
    assert receiver.paths == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("100.64.0.1", False),
        ("172.31.255.255", False),
        ("192.168.0.1", False),
        ("192.0.2.1", False),
        ("192.0.0.192", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("3fff::1", False),
        ("2001::1", False),
        ("::ffff:0:7f00:1", False),
        ("4000::1", False),
        ("::7f00:1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


@given(st.ip_addresses(v=4) | st.sampled_from([ipaddress.ip_address("10.1.2.3")]))
def test_an_address_is_as_public_as_the_one_inside_it(inner: ipaddress.IPv4Address) -> None:
    for prefix, bits in (("::ffff:0:0", 0), ("64:ff9b::", 0), ("2002::", 80)):
        outer = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(inner) << bits)
        assert is_public(outer) is is_public(inner)
